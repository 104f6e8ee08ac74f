"""The range that a dashboard or the explorer looks at, and its periods."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.metrics.query.ranges import Span, span_between, span_of
from service.panels.config import TimeRange
from sql import calendar
from sql.calendar import Period, day_start
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.vocabulary import MAX_ROWS


def span_of_range(chosen: TimeRange, now: datetime, zone: ZoneInfo) -> Span:
    """The instants of a range; its end date is in it."""
    if chosen.last:
        return span_of(chosen.last, now, zone)
    assert chosen.start_date is not None
    assert chosen.end_date is not None
    first, end = day_start(chosen.start_date, zone), day_start(_after(chosen.end_date), zone)
    return span_between(first, end)


def axis(span: Span, period: Period, now: datetime, zone: ZoneInfo) -> Sequence[datetime]:
    """The starts of the periods of a range, in UTC, up to the one that `now` is in.

    Raises:
        Invalid: there are more than can be answered.
    """
    reached = calendar.following(calendar.floor(now, period, zone), period, zone)
    start = calendar.floor(span.since, period, zone)
    return _starts(start.astimezone(UTC), min(span.before, reached.astimezone(UTC)), period, zone)


@lru_cache(maxsize=100)
def preceding(first: datetime, period: Period, number: int, zone: ZoneInfo) -> Sequence[datetime]:
    """The starts, in UTC, of so many periods before the one that starts then."""
    starts: list[datetime] = []
    for _ in range(number):
        first = calendar.floor(first - timedelta(microseconds=1), period, zone).astimezone(UTC)
        starts.append(first)
    return tuple(reversed(starts))


@lru_cache(maxsize=100)
def _starts(start: datetime, end: datetime, period: Period, zone: ZoneInfo) -> Sequence[datetime]:
    """Between instants in UTC. Kept, as every panel of a dashboard has the same."""
    starts: list[datetime] = []
    while start < end:
        if len(starts) >= MAX_ROWS:
            message = Message(
                "That is more than {number} periods; narrow the range", {"number": MAX_ROWS}
            )
            raise Invalid(Problem(message, "period"))
        starts.append(start)
        start = calendar.following(start, period, zone).astimezone(UTC)
    return tuple(starts)


def _after(day: date) -> date:
    return day + timedelta(days=1)
