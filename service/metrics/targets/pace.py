"""Pace: how much of a period is usually done by a moment in it, by hour and weekday; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.metrics.query.ranges import Span
from sql import calendar

_HOURS = 24
_DAYS = 7
# Fewer days have no shape of a week.
LEAST_DAYS = 14


@dataclass(frozen=True, slots=True)
class Shape:
    """The usual value of each hour of a week, Monday's first."""

    hours: tuple[float, ...]

    def share(self, span: Span, moment: datetime, zone: ZoneInfo) -> float:
        """How much of a span is usually done by then, from 0 to 1."""
        if moment >= span.before:
            return 1.0
        done = whole = 0.0
        for start in _days(span, zone):
            weights = self.hours[_HOURS * start.weekday() :][:_HOURS]
            whole += sum(weights)
            done += _done(start, weights, moment, zone)
        return done / whole if whole else 0.0


FLAT = Shape((1.0,) * (_DAYS * _HOURS))


def shape_of(values: Mapping[datetime, float], since: date, until: date, zone: ZoneInfo) -> Shape:
    """The shape of hours from a day up to, not including, another; flat where there are too few
    days, or nothing but losses.
    """
    number = [0] * _DAYS
    day = since
    while day < until:
        number[day.weekday()] += 1
        day += timedelta(days=1)
    sums = [0.0] * (_DAYS * _HOURS)
    for start, value in values.items():
        local = start.astimezone(zone)
        sums[_HOURS * local.weekday() + local.hour] += value
    if (until - since).days < LEAST_DAYS or sum(sums) <= 0:
        return FLAT
    return Shape(tuple(max(one, 0.0) / number[at // _HOURS] for at, one in enumerate(sums)))


def spread(values: Iterable[tuple[datetime, float]]) -> Iterator[tuple[datetime, float]]:
    """Values of days as those of their hours, for what is submitted by day alone."""
    for start, value in values:
        for hour in range(_HOURS):
            yield start + timedelta(hours=hour), value / _HOURS


def _days(span: Span, zone: ZoneInfo) -> Iterator[date]:
    day, end = span.since.astimezone(zone).date(), span.before.astimezone(zone).date()
    while day < end:
        yield day
        day += timedelta(days=1)


def _done(day: date, weights: tuple[float, ...], moment: datetime, zone: ZoneInfo) -> float:
    """What of a day is done by a moment: whole hours, and a part of the one under way."""
    if moment >= calendar.day_start(day + timedelta(days=1), zone).astimezone(UTC):
        return sum(weights)
    if moment <= calendar.day_start(day, zone).astimezone(UTC):
        return 0.0
    local = moment.astimezone(zone)
    part = (local.minute * 60 + local.second) / 3600
    return sum(weights[: local.hour]) + part * weights[local.hour]
