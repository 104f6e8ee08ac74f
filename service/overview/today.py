"""Today's figure of a metric, and how it stood at the same time a week ago."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.http.errors import ApiError
from service.http.parameters import AggregateParams
from service.metrics.catalog import MetricEntry
from service.metrics.query.fill import Cell
from service.metrics.query.ranges import Span, as_params, span_between
from service.metrics.query.result import Answer
from service.metrics.query.spec import Question, ask
from service.metrics.query.totals import added_up
from service.runtime.resources import Resources
from sql import calendar
from sql.scope import Scope

_SPARK_HOURS = 24


@dataclass(frozen=True, slots=True)
class Today:
    """`value` is today's so far, None where nothing came in. `change` compares the hours of
    today that are over, up to `until`, with the same hours of that weekday last week; None
    where either has nothing. `hours` are the last 24, with None where nothing came in.
    """

    metric_name: str
    unit: str | None
    value: float | None = None
    change: float | None = None
    until: datetime | None = None
    hours: Sequence[float | None] = ()
    problem: str | None = None


class Spans(NamedTuple):
    """Today with the hour under way, its hours that are over, and those hours last week."""

    so_far: Span
    over: Span
    last_week: Span


async def read_today(
    resources: Resources, scope: Scope, metric_name: str, metric: MetricEntry, now: datetime
) -> Today:
    """Today's figure of that metric, added up as its entry in the catalogue says."""
    zone = resources.settings.zone
    spans = spans_of(now, zone)

    def question(span: Span) -> Question:
        given = {"metric_name": metric_name, "period": "hour", **as_params(span, zone)}
        return ask(AggregateParams.model_validate(given), {}, scope, metric, zone)

    async def answer_to(span: Span) -> Answer:
        return await resources.aggregates.answer(question(span), now)

    async def figure(answer: Answer, span: Span) -> float | None:
        found = added_up(answer, span)
        if found is None:
            found = await resources.aggregates.totals(question(span))
        return found.get(())

    async def last_week() -> float | None:
        span = spans.last_week
        return await figure(await answer_to(span), span) if span.since < span.before else None

    try:
        # Not one question from last week on: it would read a week for two days.
        answer, before = await asyncio.gather(answer_to(_recent(spans)), last_week())
        so_far, over = await asyncio.gather(
            figure(answer, spans.so_far), figure(answer, spans.over)
        )
        return today(answer, spans, [so_far, over, before])
    except ApiError as error:
        return Today(metric_name, None, problem=error.message)


def spans_of(now: datetime, zone: ZoneInfo) -> Spans:
    """What is compared at that time: the same time of day a week ago, whatever the clocks did
    in between.
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


def today(answer: Answer, spans: Spans, figures: Sequence[float | None]) -> Today:
    """What recent hours and the figures of the spans come to; pure."""
    value, over, last_week = figures
    return Today(
        answer.question.params.metric_name,
        answer.unit,
        value=value,
        change=None if over is None or not last_week else (over - last_week) / abs(last_week),
        until=spans.over.before,
        hours=_spark(answer.cells, spans.over.before),
    )


def _recent(spans: Spans) -> Span:
    """Today, and the hours of the line beside it."""
    line = spans.over.before - timedelta(hours=_SPARK_HOURS)
    return Span(min(line, spans.so_far.since), spans.so_far.before)


def _spark(hours: Sequence[Cell], over: datetime) -> list[float | None]:
    """The hours that are over, up to the one that is under way."""
    known = {hour.start: hour.value for hour in hours}
    starts = [over - timedelta(hours=back) for back in range(_SPARK_HOURS, 0, -1)]
    return [known.get(start) for start in starts]
