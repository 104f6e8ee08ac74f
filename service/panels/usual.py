"""What is usual for figures: a band behind the line of a chart, and what was not."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar, get_args

from service.language.reader import Reader
from service.language.translations import N_
from service.metrics.catalog import MetricEntry
from service.metrics.expected.judging import Anomaly, Told, judged
from service.metrics.query.ranges import Span
from service.metrics.query.spec import AggregateQuery, aggregate_query
from service.panels.config import Query
from service.panels.figures import Figures
from service.runtime.resources import Resources
from service.web.charts import Band, Chart, Spot
from sql.calendar import LongPeriod
from sql.errors import DomainError
from sql.scope import Scope

# In seconds: figures that were asked for do not wait longer for what was expected of them. What
# is fitted meanwhile is there the next time.
PATIENCE_SECONDS = 2.0
Found = TypeVar("Found")
USUAL_RANGE = N_("Usual range")
LOW = N_("Unusually low: about %(expected)s was expected")
HIGH = N_("Unusually high: about %(expected)s was expected")


class Unusual(NamedTuple):
    """An unusual value in words."""

    period: str
    value: str
    why: str


class Usual(NamedTuple):
    """What was expected of each time of figures before it began, and what was unusual."""

    told: Sequence[Told | None]
    anomalies: Sequence[Anomaly]

    def drawn(self, chart: Chart, reader: Reader) -> Chart:
        """The chart with both."""
        spots = [
            Spot(one.start, one.value, self._why(one, chart.unit, reader)) for one in self.anomalies
        ]
        return replace(chart, band=band_of(self.told, reader), spots=spots)

    def in_words(self, figures: Figures, reader: Reader) -> list[Unusual]:
        """What was unusual, the newest first."""
        unit = figures.lines[0].unit
        return [
            Unusual(
                reader.period(one.start, figures.period),
                reader.figure(one.value, unit),
                self._why(one, unit, reader),
            )
            for one in reversed(self.anomalies)
        ]

    def _why(self, one: Anomaly, unit: str | None, reader: Reader) -> str:
        words = LOW if one.direction == "below" else HIGH
        return reader.gettext(words) % {"expected": reader.figure(one.expected, unit)}


def band_of(told: Sequence[Told | None], reader: Reader) -> Band:
    """The band of what was expected at each instant of a chart."""
    lower = [one and one.lower for one in told]
    upper = [one and one.upper for one in told]
    return Band(reader.gettext(USUAL_RANGE), lower, upper)


async def told_soon(
    resources: Resources, query: AggregateQuery, now: datetime
) -> Mapping[datetime, Told]:
    """What was expected of the periods of a query without groups, by their starts; nothing where
    that takes too long or cannot be said.
    """
    found = await _soon(resources.expectations.told(query, [()], now))
    return found[()] if found else {}


async def usual_soon(
    resources: Resources,
    scope: Scope,
    query: Query,
    metric: MetricEntry,
    span: Span,
    figures: Figures,
    now: datetime,
) -> Usual | None:
    """As `usual_of`; None, too, where that takes too long or cannot be said."""
    return await _soon(usual_of(resources, scope, query, metric, span, figures, now))


async def _soon(asked: Awaitable[Found | None]) -> Found | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asked
    except (TimeoutError, DomainError):
        return None


async def usual_of(
    resources: Resources,
    scope: Scope,
    query: Query,
    metric: MetricEntry,
    span: Span,
    figures: Figures,
    now: datetime,
) -> Usual | None:
    """Of figures of one line; None of several, of minutes, quarters and years, of derived metrics,
    and where nothing is known yet.
    """
    is_judged = figures.period in get_args(LongPeriod) and metric.derivation is None
    if len(figures.lines) != 1 or not is_judged:
        return None
    spec = aggregate_query(
        metric,
        scope,
        resources.settings.zone,
        filters=query.filters,
        aggregation=query.aggregation,
        period=figures.period,
        since=span.since,
        before=span.before,
        group_by=query.group_by,
        units="main",
    )
    (line,) = figures.lines
    group = tuple(line.labels.values())
    found = (await resources.expectations.told(spec, [group], now))[group]
    told = [found.get(start.astimezone(UTC)) for start in figures.times]
    if not any(told):
        return None
    # What is under way is not judged.
    over = len(figures.times) - figures.incomplete
    each = zip(figures.times[:over], told[:over], line.values[:over], strict=True)
    known = [
        judged(group, start, value, one, "medium")
        for start, one, value in each
        if one is not None and value is not None
    ]
    return Usual(told, [one for one in known if one is not None])
