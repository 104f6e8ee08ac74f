"""What the explorer shows: figures, and what is drawn and said beside them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow
from starlette.requests import Request

from service.explore.ahead import ahead_of
from service.explore.exploration import Exploration
from service.explore.goals import goals_of
from service.explore.ranking import read_ranking
from service.explore.why import whys_of
from service.http.authentication import principal_of
from service.metrics.catalog import MetricEntry
from service.metrics.query.ranges import Span
from service.metrics.targets.store import list_targets
from service.panels.figures import Figures
from service.panels.incidents import annotations_of, events_of
from service.panels.pictures import charts_of, marks_of, notes_of
from service.panels.ranges import span_of_range
from service.panels.reading import read_figures
from service.panels.usual import usual_of
from service.runtime.resources import resources_of
from service.web.session import reader_of
from sql import calendar
from sql.errors import DomainError


async def look(
    request: Request, asked: Exploration, metric: MetricEntry, now: datetime
) -> dict[str, Any]:
    """The figures that an exploration asks for with all that is drawn or said beside them, or
    the problem because of which there are none.
    """
    resources, principal, reader = resources_of(request), principal_of(request), reader_of(request)
    zone = resources.settings.zone
    span = span_of_range(asked.range, now, zone)
    scope, query = principal.scope, asked.query
    try:
        figures, annotations, targets, events = await asyncio.gather(
            read_figures(resources, scope, query, metric, span, now, asked.compare),
            annotations_of(resources, scope, [query.metric_name], span),
            list_targets(resources.read_pool, scope, query.metric_name),
            events_of(resources, scope, [query.metric_name], span)
            if principal.may("alerts:read")
            else _none(),
        )
        usual = await usual_of(resources, scope, query, metric, span, figures, now)
        ahead = await ahead_of(resources, scope, query, metric, asked.forecast, span, figures, now)
        ranking = None
        if metric.derivation is None:
            ranking = await read_ranking(resources, scope, asked, metric, span, now)
    except DomainError as error:
        return await nothing(error)
    marks = [*marks_of(events, reader, linked=True), *notes_of(annotations)]
    goals = goals_of(targets, figures, metric.default_aggregation)
    charts = charts_of([figures], asked.look, reader, marks, goals, zoom=True)
    if usual:
        charts = [usual.drawn(chart, reader) for chart in charts]
    if ahead:
        charts = [ahead.drawn(chart, reader) for chart in charts]
    return {
        "problem": None,
        "figures": figures,
        "latest": latest_of(figures, span, now, zone),
        "events": events,
        "annotations": annotations,
        "why": None if metric.derivation else whys_of(asked, figures, span, zone),
        "ranking": ranking,
        "charts": charts,
        "ahead": ahead,
        "has_band": usual is not None,
        "unusual": usual.in_words(figures, reader) if usual else [],
    }


def latest_of(figures: Figures, span: Span, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The last instant that figures of a range cover, at most `now`."""
    if not figures.times:
        return None
    last = calendar.following(figures.times[-1], figures.period, zone).astimezone(UTC)
    end = min(last, span.before)
    return min(end - timedelta(microseconds=1), now)


async def nothing(problem: DomainError) -> dict[str, Any]:
    """The same of what cannot be shown."""
    empty: dict[str, list[Any]] = {"events": [], "annotations": [], "charts": []}
    return {"problem": problem, "figures": None, "ranking": None, **empty}


async def _none() -> list[DictRow]:
    return []
