"""The morning: how yesterday went against the same weekday, and what was unusual since."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from service.metrics.catalog import MetricEntry
from service.metrics.explanations import UNEXPLAINED
from service.metrics.query.ranges import span_of
from service.metrics.query.single_flight import SingleFlight
from service.panels.addresses import why_address
from service.panels.config import Query
from service.panels.figures import Figures, Line
from service.panels.reading import read_figures
from service.panels.usual import Usual, usual_soon
from service.runtime.resources import Resources
from sql import calendar
from sql.errors import DomainError
from sql.scope import Scope

# How old it may be, in seconds: yesterday is over, and hours take their time.
_MAX_AGE = 60.0
# Of each metric, the newest.
_MOST_UNUSUAL = 4
_mornings: SingleFlight["Morning"] = SingleFlight(max_age=_MAX_AGE)


@dataclass(frozen=True, slots=True)
class Unusual:
    """A metric with values of the last 24 hours that were unusual; `whys` are the addresses of
    pages that explain them, the newest first, if any does.
    """

    figures: Figures
    usual: Usual
    whys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Morning:
    """`yesterday` of each metric that has figures of it, against the same weekday before."""

    yesterday: Sequence[tuple[str, Line]]
    unusual: Sequence[Unusual]


async def read_morning(resources: Resources, scope: Scope, names: Sequence[str]) -> Morning:
    """The morning of some metrics, at most a minute old."""
    subject = (scope.tenant, scope.service_name)
    return await _mornings.get(subject, "", lambda: _morning(resources, scope, names))


async def _morning(resources: Resources, scope: Scope, names: Sequence[str]) -> Morning:
    now = datetime.now(UTC)
    entries = await resources.catalog.entries(scope, names)
    metrics = [entries[name] for name in names]
    yesterday, unusual = await asyncio.gather(
        asyncio.gather(*(_yesterday(resources, scope, one, now) for one in metrics)),
        asyncio.gather(*(_unusual(resources, scope, one, now) for one in metrics)),
    )
    lines = zip(names, yesterday, strict=True)
    return Morning(
        [(name, line) for name, line in lines if line],
        [one for one in unusual if one],
    )


async def _yesterday(
    resources: Resources, scope: Scope, metric: MetricEntry, now: datetime
) -> Line | None:
    span = span_of("yesterday", now, resources.settings.zone)
    query = Query(metric_name=metric.metric_name)
    try:
        figures = await read_figures(
            resources, scope, query, metric, span, now, "previous_week", "total"
        )
    except DomainError:
        return None
    return figures.lines[0] if figures.lines else None


async def _unusual(
    resources: Resources, scope: Scope, metric: MetricEntry, now: datetime
) -> Unusual | None:
    span = span_of("last_24_hours", now, resources.settings.zone)
    query = Query(metric_name=metric.metric_name)
    try:
        figures = await read_figures(resources, scope, query, metric, span, now, what="lines")
    except DomainError:
        return None
    usual = await usual_soon(resources, scope, query, metric, span, figures, now)
    if usual is None or not usual.anomalies:
        return None
    newest = Usual(usual.told, usual.anomalies[-_MOST_UNUSUAL:])
    return Unusual(figures, newest, _whys(resources, query, figures, newest))


def _whys(resources: Resources, query: Query, figures: Figures, usual: Usual) -> list[str]:
    if figures.aggregation in UNEXPLAINED:
        return []
    zone = resources.settings.zone
    ends = [calendar.following(one.start, figures.period, zone) for one in usual.anomalies]
    return [
        why_address(query, figures.aggregation, one.start, end.astimezone(UTC), "previous_week")
        for one, end in reversed(list(zip(usual.anomalies, ends, strict=True)))
    ]
