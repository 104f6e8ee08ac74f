"""Boards: a dashboard as it is now, with every panel's figures read at the same time."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from psycopg.rows import DictRow

from service.metrics.catalog import MetricEntry
from service.metrics.query.labels import label_values
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
from service.panels.incidents import events_of, latest_events
from service.panels.ranges import span_of_range
from service.panels.reading import What, read_figures
from service.runtime.resources import Resources
from sql.errors import DatabaseError, DomainError
from sql.messages import Message
from sql.scope import Scope

_log = structlog.get_logger()

# How long the figures of a page may take, and how many of its queries with groups are read at once.
PAGE_SECONDS = 10.0
_GROUPED_AT_ONCE = 2

Chosen = Mapping[str, str | None]


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
    query.
    """

    panel: Panel
    figures: Sequence[Figures] = ()
    events: Sequence[DictRow] = ()
    problem: Message | None = None
    address: str = ""


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
    """The content of each panel, or its problem where it failed; never an exception."""
    names = {query.metric_name for panel in panels for query in _queries(panel)}
    try:
        metrics = await resources.catalog.entries(view.scope, names)
    except DatabaseError as error:
        return [_away(panel, error) for panel in panels]
    grouped = asyncio.Semaphore(_GROUPED_AT_ONCE)
    shown, marks = await asyncio.gather(
        asyncio.gather(
            *(_read_panel(resources, panel, metrics, view, now, grouped) for panel in panels)
        ),
        _marks(resources, panels, view, now),
    )
    return [_marked(one, marks) for one in shown]


async def _read_panel(
    resources: Resources,
    panel: Panel,
    metrics: Mapping[str, MetricEntry],
    view: View,
    now: datetime,
    grouped: asyncio.Semaphore,
) -> Shown:
    try:
        if isinstance(panel, AlertsPanel):
            return await _read_alerts(resources, panel, view)
        async with asyncio.timeout(PAGE_SECONDS):
            return await resources.reads.retrying(
                lambda: _read_figures(resources, panel, metrics, view, now, grouped)
            )
    except TimeoutError:
        return Shown(panel, problem=Message("This takes too long; choose a shorter range"))
    except DomainError as error:
        return Shown(panel, problem=error.message)
    except DatabaseError as error:
        return _away(panel, error)


def _away(panel: Panel, error: DatabaseError) -> Shown:
    _log.warning("panel_failed", panel=panel.id, reason=str(error))
    return Shown(panel, problem=Message("The database is away; try again"))


async def _read_alerts(resources: Resources, panel: AlertsPanel, view: View) -> Shown:
    if not view.alerts:
        return Shown(panel)
    events = await latest_events(resources, view.scope, panel.status, panel.limit)
    return Shown(panel, events=events)


async def _read_figures(
    resources: Resources,
    panel: ChartPanel | StatPanel | TablePanel,
    metrics: Mapping[str, MetricEntry],
    view: View,
    now: datetime,
    grouped: asyncio.Semaphore,
) -> Shown:
    span = span_of_range(view.range, now, resources.settings.zone)
    compare: Compare = "none" if isinstance(panel, TablePanel) else panel.compare
    what: dict[str, What] = {"table": "all", "stat": "total"}
    queries = [with_choices(query, view.chosen) for query in panel.queries]

    async def read(query: Query) -> Figures:
        metric, wanted = metrics[query.metric_name], what.get(panel.type, "lines")
        # Others are read all at once, in few statements.
        async with grouped if query.group_by else nullcontext():
            return await read_figures(
                resources, view.scope, query, metric, span, now, compare, wanted
            )

    figures = await asyncio.gather(*map(read, queries))
    address = explorer_address(queries[0], view.range, compare)
    return Shown(panel, figures, address=address)


def _queries(panel: Panel) -> Sequence[Query]:
    return () if isinstance(panel, AlertsPanel) else panel.queries


async def _marks(
    resources: Resources, panels: Sequence[Panel], view: View, now: datetime
) -> list[DictRow]:
    """The events of everything that is drawn, read at once."""
    charts = [panel for panel in panels if isinstance(panel, ChartPanel)]
    metrics = {query.metric_name for panel in charts for query in panel.queries}
    if not metrics or not view.alerts:
        return []
    span = span_of_range(view.range, now, resources.settings.zone)
    try:
        return await events_of(resources, view.scope, metrics, span)
    except DatabaseError as error:
        _log.warning("marks_failed", reason=str(error))
        return []


def _marked(shown: Shown, marks: Sequence[DictRow]) -> Shown:
    """A chart with the events of its metrics."""
    if not isinstance(shown.panel, ChartPanel):
        return shown
    metrics = {query.metric_name for query in shown.panel.queries}
    return replace(shown, events=[row for row in marks if row["metric_name"] in metrics])


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
    values = await label_values(resources.read_pool, scope, sorted(metrics), fields)
    return {variable.name: values[variable.field] for variable in config.variables}
