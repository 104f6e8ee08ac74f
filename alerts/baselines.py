"""The earlier figures that a change is of: where they are, and what they make of a figure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import fsum, isfinite
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from alerts.figures import bucket_start
from sql import calendar
from sql.decimals import rounded
from sql.durations import Calendar, Window
from sql.vocabulary import ChangeUnit, Comparison, Level

if TYPE_CHECKING:
    from alerts.decision import Reading

# Days back to the figures of the same time of day, the furthest first.
_DAYS: Mapping[Comparison, tuple[int, ...]] = {
    "previous_day": (1,),
    "previous_week": (7,),
    # The same weekday.
    "previous_year": (364,),
    "average_4_weeks": (28, 21, 14, 7),
}
# In days, of the windows that do not reach into the one that they are compared with.
_LONGEST: Mapping[Comparison, int] = {
    "previous_day": 1,
    "previous_week": 7,
    "previous_year": 364,
    "average_4_weeks": 7,
}
_LENGTHS: Mapping[str, int] = {"hour": 0, "day": 1, "week": 7, "month": 31}


class Stretch(NamedTuple):
    """A window of the past, in UTC."""

    start: datetime
    end: datetime


def is_comparable(window: Window, compare: Comparison) -> bool:
    """True where windows of that length do not overlap with those they are compared with."""
    if compare == "previous_period":
        return True
    if isinstance(window, Calendar):
        return _LENGTHS[window.period] <= _LONGEST[compare]
    return window.seconds <= _LONGEST[compare] * 86400


def stretches(
    window: Window, compare: Comparison, of: Stretch, level: Level, zone: ZoneInfo
) -> tuple[Stretch, ...]:
    """The windows that one is compared with, the furthest back first: whole periods of the
    calendar; of a trailing window as long ones, up to a whole bucket of `level`.
    """
    if compare == "previous_period":
        return (_before(window, of, level, zone),)
    return tuple(_earlier(window, of, days, level, zone) for days in _DAYS[compare])


def expected(baselines: Sequence["Reading"]) -> float | None:
    """The mean of the baselines, the furthest back first; None where there is none. Silence
    counts as 0 from the first one on that has samples: before it nothing may be kept any more.
    """
    known: list[float] = []
    for one in baselines:
        if one.value is not None and (known or not one.silent):
            known.append(one.value)
    return rounded(fsum(known) / len(known)) if known else None


def change_of(value: float, expected: float, unit: ChangeUnit) -> float | None:
    """The change from what was expected; there is no percentage of 0, nor of next to nothing."""
    if unit == "absolute":
        change = value - expected
    elif expected:
        change = 100 * ((value - expected) / abs(expected))
    else:
        return None
    return rounded(change) if isfinite(change) else None


def _before(window: Window, of: Stretch, level: Level, zone: ZoneInfo) -> Stretch:
    if isinstance(window, Calendar):
        last = of.start - timedelta(microseconds=1)
        return Stretch(calendar.floor(last, window.period, zone).astimezone(UTC), of.start)
    end = bucket_start(of.start, level, zone)
    return Stretch(end - timedelta(seconds=window.seconds), end)


def _earlier(window: Window, of: Stretch, days: int, level: Level, zone: ZoneInfo) -> Stretch:
    if isinstance(window, Calendar):
        start = calendar.floor(_days_before(of.start, days, zone), window.period, zone)
        end = calendar.following(start, window.period, zone)
        return Stretch(start.astimezone(UTC), end.astimezone(UTC))
    end = bucket_start(_days_before(of.end, days, zone), level, zone)
    return Stretch(end - timedelta(seconds=window.seconds), end)


def _days_before(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day so many days before."""
    return (instant.astimezone(zone) - timedelta(days=days)).astimezone(UTC)
