"""Values of periods laid out by row (a day, or what is as long as the period) and slot in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.expectation.averages import Values
from sql.calendar import LongPeriod


@dataclass(frozen=True, slots=True)
class Grain:
    """`slots` of a row, `cycle` rows until the pattern repeats. `used` rows make the pattern,
    `level` rows the level; misses of `tested` rows make the band. Fewer rows than `least` say
    nothing. `kept` rows are the history that a profile is made of. `memories` are over how many
    periods misses are remembered.
    """

    slots: int
    cycle: int
    used: int
    level: int
    tested: int
    least: int
    kept: int
    memories: tuple[int, ...]


GRAINS: Mapping[LongPeriod, Grain] = {
    "hour": Grain(
        24, cycle=7, used=56, level=21, tested=35, least=2, kept=400, memories=(1, 4, 24)
    ),
    "day": Grain(1, cycle=7, used=84, level=28, tested=180, least=14, kept=1120, memories=(1, 4)),
    "week": Grain(1, cycle=1, used=12, level=12, tested=104, least=8, kept=265, memories=(1,)),
    "month": Grain(1, cycle=1, used=12, level=6, tested=60, least=6, kept=122, memories=(1,)),
}


@dataclass(frozen=True, slots=True)
class Grid:
    """`values` by row and slot, NaN where unknown; `day` is the first day of the first row."""

    period: LongPeriod
    day: date
    values: Values


def row_of(day: date, period: LongPeriod, first: date) -> int:
    """The number of the row that `day` is in, where that of `first` is 0."""
    if period == "month":
        return (day.year - first.year) * 12 + day.month - first.month
    return (day - first).days // (7 if period == "week" else 1)


def day_of(row: int, period: LongPeriod, first: date) -> date:
    """The first day of a row."""
    if period == "month":
        months = first.year * 12 + first.month - 1 + row
        return date(months // 12, months % 12 + 1, 1)
    return first + timedelta(days=row * (7 if period == "week" else 1))


def places(
    starts: Sequence[datetime], period: LongPeriod, zone: ZoneInfo, first: date
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """The row and slot of each period by its start; two hours that are one on the clock share a
    place.
    """
    local = [start.astimezone(zone) for start in starts]
    rows = np.array([row_of(one.date(), period, first) for one in local], dtype=int)
    slots = np.array([one.hour if period == "hour" else 0 for one in local], dtype=int)
    return rows, slots


def grid_of(
    starts: Sequence[datetime], values: Sequence[float], period: LongPeriod, zone: ZoneInfo
) -> Grid:
    """The values of periods by their starts, the oldest first; at least one. Periods that are
    missing are unknown.
    """
    first = starts[0].astimezone(zone).date()
    rows, slots = places(starts, period, zone, first)
    laid = np.full((int(rows[-1]) + 1, GRAINS[period].slots), np.nan)
    laid[rows, slots] = values
    return Grid(period, first, laid)
