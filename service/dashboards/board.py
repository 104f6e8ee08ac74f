"""Boards: a dashboard as it is now, with the figures of its panels read within a budget."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import structlog
from psycopg.rows import DictRow

from service.dashboards.budget import GROUPED_AT_ONCE, PAGE_SECONDS, PANEL_SECONDS, fitting
from service.metrics.catalog import MetricEntry
from service.metrics.query.ranges import Span
from service.panels.addresses import explorer_address
from service.panels.config import (
    AlertsPanel,
    ChartPanel,
    Compare,
    DashboardConfig,
    Panel,
    Place,
    Query,
    StatPanel,
    TablePanel,
    TimeRange,
)
from service.panels.figures import Figures
from service.panels.incidents import annotations_of, events_of, latest_events
from service.panels.ranges import span_of_range
from service.panels.reading import What, read_figures
from service.panels.usual import Usual, usual_soon
from service.runtime.resources import Resources
from sql.errors import DatabaseError, DomainError
from sql.messages import Message
from sql.scope import Scope

_log = structlog.get_logger()

Chosen = Mapping[str, str | None]
FiguresPanel = ChartPanel | StatPanel | TablePanel


@dataclass(frozen=True, slots=True)
class View:
    """Whose data, which choices and which range a dashboard is looked at with. `alerts` where
    its viewer may see them.
    """

    scope: Scope
    chosen: Chosen
    range: TimeRange
    alerts: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel with what it shows, or why it shows nothing; `address` is the explorer with its first
    query, `usual` what is behind its line. One that is `left_out` did not fit into the page.
    """

    panel: Panel
    figures: Sequence[Figures] = ()
    events: Sequence[DictRow] = ()
    annotations: Sequence[DictRow] = ()
    problem: Message | None = None
    address: str = ""
    usual: Usual | None = None
    left_out: bool = False


async def read_board(
    resources: Resources, config: DashboardConfig, view: View, now: datetime
) -> list[tuple[Place, Shown]]:
    """Every panel with its place, from top to bottom. One that fails says so."""
    panels = {panel.id: panel for panel in config.panels}
    places = sorted(config.layout, key=lambda place: (place.y, place.x))
    shown = await read_panels(resources, [panels[place.panel] for place in places], view, now)
    return list(zip(places, shown, strict=True))


async def read_panels(
    resources: Resources, panels: Sequence[Panel], view: View, now: datetime
) -> list[Shown]:
    """The content of each panel, or its problem where it failed; never an exception. Of several
    those that do not fit into the budget of a page are left out, the last ones first.
    """
    names = {query.metric_name for panel in panels for query in _queries(panel)}
    try:
        metrics = await resources.catalog.entries(view.scope, names)
    except DatabaseError as error:
        return [_away(panel, error) for panel in panels]
    span = span_of_range(view.range, now, resources.settings.zone)
    fit = fitting(panels, span, now)
    reading = _Reading(resources, metrics, view, span, now, is_alone=len(panels) == 1)
    shown, (marks, annotations) = await asyncio.gather(
        asyncio.gather(*(reading.panel(panel, fits=panel.id in fit) for panel in panels)),
        _marks(resources, panels, view, now),
    )
    return [_marked(one, marks, annotations) for one in shown]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The reading of the panels of one page. Queries with groups wait for each other."""

    resources: Resources
    metrics: Mapping[str, MetricEntry]
    view: View
    span: Span
    now: datetime
    is_alone: bool
    grouped: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(GROUPED_AT_ONCE))

    async def panel(self, panel: Panel, *, fits: bool) -> Shown:
        if isinstance(panel, AlertsPanel):
            return await self._shown(panel, partial(_read_alerts, self.resources, panel, self.view))
        if not fits:
            return Shown(panel, left_out=True)
        return await self._shown(panel, partial(self._in_time, panel))

    async def _shown(self, panel: Panel, read: Callable[[], Awaitable[Shown]]) -> Shown:
        try:
            return await read()
        except DomainError as error:
            return Shown(panel, problem=error.message)
        except DatabaseError as error:
            return _away(panel, error)

    async def _in_time(self, panel: FiguresPanel) -> Shown:
        try:
            async with asyncio.timeout(PANEL_SECONDS if self.is_alone else PAGE_SECONDS):
                return await self.resources.reads.retrying(partial(self._figures, panel))
        except TimeoutError:
            if not self.is_alone:
                return Shown(panel, left_out=True)
            return Shown(panel, problem=Message("This takes too long; choose a shorter range"))

    async def _figures(self, panel: FiguresPanel) -> Shown:
        compare: Compare = "none" if isinstance(panel, TablePanel) else panel.compare
        what: dict[str, What] = {"table": "all", "stat": "total"}
        queries = [with_choices(query, self.view.chosen) for query in panel.queries]
        wanted = what.get(panel.type, "lines")
        figures = await asyncio.gather(*(self._query(one, compare, wanted) for one in queries))
        address = explorer_address(queries[0], self.view.range, compare)
        usual = await self._usual(panel, queries, figures)
        return Shown(panel, figures, address=address, usual=usual)

    async def _usual(
        self, panel: FiguresPanel, queries: Sequence[Query], figures: Sequence[Figures]
    ) -> Usual | None:
        """What is usual for a panel of one line that shows it."""
        if not isinstance(panel, ChartPanel) or not panel.band or len(queries) > 1:
            return None
        query = queries[0]
        metric, scope = self.metrics[query.metric_name], self.view.scope
        return await usual_soon(
            self.resources, scope, query, metric, self.span, figures[0], self.now
        )

    async def _query(self, query: Query, compare: Compare, what: What) -> Figures:
        metric, scope = self.metrics[query.metric_name], self.view.scope
        # Others are read all at once, in few statements.
        async with self.grouped if query.group_by else nullcontext():
            return await read_figures(
                self.resources, scope, query, metric, self.span, self.now, compare, what
            )


def _away(panel: Panel, error: DatabaseError) -> Shown:
    _log.warning("panel_failed", panel=panel.id, reason=str(error))
    return Shown(panel, problem=Message("The database is away; try again"))


async def _read_alerts(resources: Resources, panel: AlertsPanel, view: View) -> Shown:
    if not view.alerts:
        return Shown(panel)
    events = await latest_events(resources, view.scope, panel.status, panel.limit)
    return Shown(panel, events=events)


def _queries(panel: Panel) -> Sequence[Query]:
    return () if isinstance(panel, AlertsPanel) else panel.queries


async def _marks(
    resources: Resources, panels: Sequence[Panel], view: View, now: datetime
) -> tuple[list[DictRow], list[DictRow]]:
    """The events and annotations of everything that is drawn, read at once."""
    charts = [panel for panel in panels if isinstance(panel, ChartPanel)]
    metrics = {query.metric_name for panel in charts for query in panel.queries}
    if not metrics:
        return [], []
    span = span_of_range(view.range, now, resources.settings.zone)
    try:
        return await asyncio.gather(
            events_of(resources, view.scope, metrics, span) if view.alerts else _none(),
            annotations_of(resources, view.scope, metrics, span),
        )
    except DatabaseError as error:
        _log.warning("marks_failed", reason=str(error))
        return [], []


async def _none() -> list[DictRow]:
    return []


def _marked(shown: Shown, marks: Sequence[DictRow], annotations: Sequence[DictRow]) -> Shown:
    """A chart with the events and annotations of its metrics."""
    if not isinstance(shown.panel, ChartPanel):
        return shown
    metrics = {query.metric_name for query in shown.panel.queries}
    return replace(
        shown,
        events=[row for row in marks if row["metric_name"] in metrics],
        annotations=[row for row in annotations if row["metric_name"] in {None, *metrics}],
    )


def with_choices(query: Query, chosen: Chosen) -> Query:
    """A query with its variables filled in; one without a value filters nothing."""
    filters = {
        name: chosen.get(value[1:]) if value.startswith("$") else value
        for name, value in query.filters.items()
    }
    return query.model_copy(update={"filters": {n: v for n, v in filters.items() if v}})


def choices_of(config: DashboardConfig, given: Mapping[str, str]) -> dict[str, str | None]:
    """The value of each variable: as given (empty: all), else its default."""
    return {
        variable.name: given.get(variable.name, variable.default) or None
        for variable in config.variables
    }


async def options_of(
    resources: Resources, scope: Scope, config: DashboardConfig
) -> dict[str, list[str]]:
    """The values that each variable can have, among the metrics of the dashboard."""
    if not config.variables:
        return {}
    metrics = {query.metric_name for panel in config.panels for query in _queries(panel)}
    fields = sorted({variable.field for variable in config.variables})
    values = await resources.labels.values(scope, sorted(metrics), fields)
    return {variable.name: values[variable.field] for variable in config.variables}
