"""Figures computed in plain Python from samples: what every other way has to agree with.

Nothing here is the service's own code. A period is what its definition says: all instants
whose local date lies in it; its start is found by walking back to the first of them.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
_FIRST_HOURS: dict[tuple[tuple[int, ...], str, str], datetime] = {}
_UTC = ZoneInfo("UTC")
FINEST = {"real_time": "minute", "hourly": "hour", "daily": "day", "monthly": "month"}
PERIODS = ("minute", "hour", "day", "week", "month", "quarter", "year")
# Those that there are views of.
VIEWS = PERIODS[:5]

Group = tuple[str | None, ...]


# How long ago a series ended is told in steps of its frequency.
STEPS = {"real_time": "hour", "hourly": "hour", "daily": "day", "monthly": "month"}
LENGTHS = {"hour": HOUR, "day": 24 * HOUR, "week": 7 * 24 * HOUR, "month": 31 * 24 * HOUR}


class Labels(NamedTuple):
    """The identity of a series, but for its metric."""

    frequency: str
    unit: str | None = None
    service_name: str | None = None
    affiliate_id: str | None = None
    region: str | None = None
    payment_method: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A stored sample."""

    ts: datetime
    id: int
    labels: Labels
    value: float


@dataclass(slots=True)
class Figures:
    """The samples of a period and group, and what they come to."""

    samples: list[Sample] = field(default_factory=list)
    period: str = "hour"
    zone: ZoneInfo = _UTC

    @property
    def values(self) -> list[float]:
        return [sample.value for sample in self.samples]

    def of(self, aggregation: str) -> float:
        """The figure of that aggregation."""
        values = self.values
        if aggregation == "sum":
            return float(_exact_sum(values))
        if aggregation == "avg":
            return float(_exact_sum(values) / len(values))
        if aggregation in ("first", "last"):
            place = 0 if aggregation == "first" else -1
            series_of = self._by_series() if aggregation == "first" else self._alive()
            chosen = [series[place].value for series in series_of]
            return chosen[0] if len(chosen) == 1 else float(_exact_sum(chosen))
        if aggregation == "count":
            return len(values)
        return min(values) if aggregation == "min" else max(values)

    def _alive(self) -> list[list[Sample]]:
        """The series that did not end more than two of their own steps before the newest."""
        every = [(*self._end(series[-1]), series) for series in self._by_series()]
        newest = max(end for end, _, _ in every)
        return [series for end, step, series in every if end + 2 * step >= newest]

    def _end(self, sample: Sample) -> tuple[datetime, timedelta]:
        """The start of the step that the last sample of a series is in, and how long steps are."""
        step = STEPS[sample.labels.frequency]
        if step == "hour" and self.period != "hour" and sample.ts < self._days_ago(120):
            step = "day"
        # Days are kept for five years.
        if step == "day" and self.period != "day" and sample.ts < self._days_ago(1700):
            step = "week" if self.period == "week" else "month"
        return start_of(sample.ts, step, self.zone), LENGTHS[step]

    def _days_ago(self, days: int) -> datetime:
        return start_of(datetime.now(UTC) - timedelta(days=days), self.period, self.zone)

    def _by_series(self) -> Iterator[list[Sample]]:
        for labels in {sample.labels for sample in self.samples}:
            mine = [sample for sample in self.samples if sample.labels == labels]
            yield sorted(mine, key=lambda sample: (sample.ts, sample.id))


def agrees(found: float | Decimal | None, figures: Figures, aggregation: str) -> bool:
    """Whether `found` is that figure: exactly, a mean to 15 digits."""
    if found is None:
        return False
    expected = figures.of(aggregation)
    if aggregation == "avg":
        return math.isclose(found, expected, rel_tol=1e-14)
    return float(found) == expected


def _exact_sum(values: Iterable[float]) -> Decimal:
    """Of values taken as the 15 digits that a double surely has."""
    with localcontext(prec=700):
        return sum((Decimal(f"{value:.15g}") for value in values), Decimal())


def per_period(
    samples: Iterable[Sample], period: str, zone: ZoneInfo, group_by: Sequence[str] = ()
) -> dict[tuple[datetime, Group], Figures]:
    """Figures by start (in UTC) and group. Samples that are not submitted at least once per
    period, and without hours where the zone asks for them, are the caller's to leave out.
    """
    found: dict[tuple[datetime, Group], Figures] = {}
    for sample in samples:
        group = tuple(getattr(sample.labels, name) for name in group_by)
        key = (start_of(sample.ts, period, zone), group)
        found.setdefault(key, Figures(period=period, zone=zone)).samples.append(sample)
    return found


def is_fine_enough(frequency: str, period: str) -> bool:
    """Whether a frequency has figures per that period."""
    return PERIODS.index(FINEST[frequency]) <= PERIODS.index(period)


def start_of(ts: datetime, period: str, zone: ZoneInfo) -> datetime:
    """When the period that `ts` is in began, in UTC."""
    instant = ts.astimezone(UTC)
    if period == "minute":
        return instant.replace(second=0, microsecond=0)
    hour = instant.replace(minute=0, second=0, microsecond=0)
    return hour if period == "hour" else _first_hour(hour, period, zone)


def start_after(start: datetime, period: str, zone: ZoneInfo) -> datetime:
    """When the next period begins."""
    if period == "minute":
        return start + timedelta(minutes=1)
    hour = start + HOUR
    while period != "hour" and _period_of(hour, period, zone) == _period_of(start, period, zone):
        hour += HOUR
    return hour


def _first_hour(hour: datetime, period: str, zone: ZoneInfo) -> datetime:
    """The first hour of the period that an hour is in, looked for once per period."""
    key = (_period_of(hour, period, zone), period, zone.key)
    if key not in _FIRST_HOURS:
        while _period_of(hour - HOUR, period, zone) == key[0]:
            hour -= HOUR
        _FIRST_HOURS[key] = hour
    return _FIRST_HOURS[key]


@cache
def _period_of(hour: datetime, period: str, zone: ZoneInfo) -> tuple[int, ...]:
    day: date = hour.astimezone(zone).date()
    if period == "year":
        return (day.year,)
    if period == "quarter":
        return (day.year, (day.month - 1) // 3)
    if period == "month":
        return (day.year, day.month)
    return tuple(day.isocalendar()[:2]) if period == "week" else (day.year, day.month, day.day)
