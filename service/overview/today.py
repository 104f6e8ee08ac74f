"""Today's value of a metric, and that of the same time a week ago."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.catalog import MetricEntry
from service.metrics.query.fill import Point
from service.metrics.query.ranges import Span, span_between
from service.metrics.query.result import Result
from service.metrics.query.spec import AggregateQuery, aggregate_query
from service.metrics.query.totals import combine
from service.runtime.resources import Resources
from sql import calendar
from sql.errors import DomainError
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import NONE

_SPARK_HOURS = 24


@dataclass(frozen=True, slots=True)
class Today:
    """`value` is today's so far, None where nothing came in. `change` compares the hours of
    today that are over, up to `until`, with the same hours of that weekday last week; None
    where either has nothing or samples of either wait for a refresh. `hours` are the last 24,
    with None where nothing came in. `missing_members` of a hub did not answer.
    """

    metric_name: str
    unit: str | None
    value: float | None = None
    change: float | None = None
    until: datetime | None = None
    hours: Sequence[float | None] = ()
    units_left_out: Sequence[str] = ()
    missing_members: Sequence[str] = ()
    problem: Message | None = None


class Spans(NamedTuple):
    """Today with the hour under way, its hours that are over, and those hours last week."""

    so_far: Span
    over: Span
    last_week: Span


async def read_today(
    resources: Resources, scope: Scope, metric: MetricEntry, now: datetime
) -> Today:
    """Today's value of that metric, aggregated as its entry in the catalogue says."""
    zone, aggregates = resources.settings.zone, resources.aggregates
    spans = spans_of(now, zone)

    def query(span: Span) -> AggregateQuery:
        return aggregate_query(
            metric,
            scope,
            zone,
            period="hour",
            since=span.since,
            before=span.before,
            units="main",
        )

    async def value(result: Result, span: Span) -> float | None:
        found = combine(result, span)
        if found is None:
            found = await aggregates.totals(query(span))
        return found.get(())

    async def last_week() -> float | None:
        span = spans.last_week
        if span.since == span.before:
            return None
        return await value(await aggregates.result(query(span), now), span)

    try:
        # Asked before and after the values: a refresh may end, or samples come, in between.
        is_pending = await aggregates.lacks_samples(query(spans.so_far), spans)
        # Not one query from last week on: it would read a week for two days.
        result, before = await asyncio.gather(
            aggregates.result(query(_recent(spans)), now), last_week()
        )
        so_far, over = await asyncio.gather(value(result, spans.so_far), value(result, spans.over))
        found = today(result, spans, [so_far, over, before])
        if not (is_pending or await aggregates.lacks_samples(query(spans.so_far), spans)):
            return found
        return replace(found, change=None, problem=Message("Late samples are not counted yet"))
    except DomainError as error:
        return Today(metric.metric_name, None, problem=error.message)


def spans_of(now: datetime, zone: ZoneInfo) -> Spans:
    """The spans to compare at that time: today's, and the same time of day a week ago, whatever
    the clocks did in between.
    """
    midnight = calendar.floor(now, "day", zone)
    hour = calendar.floor(now, "hour", zone)
    week = timedelta(days=7)
    return Spans(
        span_between(midnight, calendar.following(hour, "hour", zone)),
        span_between(midnight, hour),
        # On the zone's own clock.
        span_between(midnight.astimezone(zone) - week, hour.astimezone(zone) - week),
    )


def today(result: Result, spans: Spans, values: Sequence[float | None]) -> Today:
    """Today from recent hours and the values of the spans; pure."""
    value, over, last_week = values
    return Today(
        result.query.metric_name,
        result.unit,
        value=value,
        units_left_out=[unit or NONE for unit in result.units_left_out],
        missing_members=result.missing_members,
        change=None if over is None or not last_week else (over - last_week) / abs(last_week),
        until=spans.over.before,
        hours=_spark(result.points, spans.over.before),
    )


def _recent(spans: Spans) -> Span:
    """Today, and the hours of the line beside it."""
    line = spans.over.before - timedelta(hours=_SPARK_HOURS)
    return Span(min(line, spans.so_far.since), spans.so_far.before)


def _spark(hours: Sequence[Point], over: datetime) -> list[float | None]:
    """The hours that are over, up to the one that is under way."""
    known = {hour.start: hour.value for hour in hours}
    starts = [over - timedelta(hours=back) for back in range(_SPARK_HOURS, 0, -1)]
    return [known.get(start) for start in starts]
