"""Bands: for each period of a group, what was expected of it before it began and from where on it
is unusual. Pure; numpy is imported where it is used first, as it takes long.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from math import isnan
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from alerts.decision import Compared, Reading
from alerts.expectation.days import SpecialDay, special_days
from alerts.figures import bucket_end
from alerts.watch import Watch
from sql import calendar
from sql.calendar import LongPeriod

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from alerts.expectation.expected import Expected
    from alerts.expectation.fitting import History
    from alerts.expectation.profile import Profile

# The whole months before a period's own whose values say what is usual.
_MONTHS: Mapping[LongPeriod, int] = {"hour": 3, "day": 24, "week": 60, "month": 120}
# How rare what is told may be at least and at most, in powers of ten, where that keeps to a budget.
_RARITIES = tuple(step / 10 for step in range(20, 81))
MONTH_DAYS = 30


class Band(NamedTuple):
    """What was expected of a period, and the values below and above which it is unusual."""

    expected: float
    lower: float | None
    upper: float | None


class Values(NamedTuple):
    """The values of periods, without gaps, by their starts in UTC; None where there is none."""

    starts: Sequence[datetime]
    values: Sequence[float | None]


def anchor(start: datetime, period: LongPeriod, zone: ZoneInfo) -> datetime:
    """Where the history begins that says what is expected of a period: the same for all of a
    month, so that it is expected alike by who looks back and by who was there.
    """
    local = row_start(start, period, zone).astimezone(zone)
    months = local.year * 12 + local.month - 1 - _MONTHS[period]
    first = calendar.day_start(date(months // 12, months % 12 + 1, 1), zone)
    return calendar.floor(first, period, zone).astimezone(UTC)


def row_start(start: datetime, period: LongPeriod, zone: ZoneInfo) -> datetime:
    """The start of what is expected at once: the day of an hour, or the period itself."""
    row: LongPeriod = "day" if period == "hour" else period
    return calendar.floor(start, row, zone).astimezone(UTC)


def period_starts(
    since: datetime, before: datetime, period: LongPeriod, zone: ZoneInfo
) -> list[datetime]:
    """The starts of the periods from one that begins at `since`, in UTC."""
    found, start = [], since
    while start < before:
        found.append(start)
        start = bucket_end(start, period, zone)
    return found


def values_between(
    since: datetime,
    before: datetime,
    period: LongPeriod,
    zone: ZoneInfo,
    value: Callable[[datetime, datetime], float | None],
) -> Values:
    """The value of each period, from the first on that has one."""
    starts = period_starts(since, before, period, zone)
    values = [value(start, bucket_end(start, period, zone)) for start in starts]
    first = next((n for n, one in enumerate(values) if one is not None), len(values))
    return Values(starts[first:], values[first:])


def walked(given: Values, period: LongPeriod, zone: ZoneInfo, country: str) -> "Expected | None":
    """What was expected of each period before it began, with the holidays of a country; None where
    nothing is known.
    """
    from alerts.expectation.fitting import walk

    return walk(_history(given, period, zone, country)) if given.starts else None


def profile_of(given: Values, period: LongPeriod, zone: ZoneInfo, country: str) -> "Profile | None":
    """What is usual after a history of whole rows; None where nothing is known."""
    from alerts.expectation.fitting import fit

    return fit(_history(given, period, zone, country)) if given.starts else None


def expected_next(profile: "Profile", given: Values, country: str) -> "Expected":
    """What is expected of periods after a profile's history, the last of them as known when the
    others are.
    """
    import numpy as np

    known = [*given.values[:-1], None]
    special = _special(given.starts, profile.zone, country)
    return profile.expect(given.starts, _array(known, np.nan), special)


def bands(expected: "Expected", starts: Sequence[datetime], rare: float) -> dict[datetime, Band]:
    """The bands of periods beyond which one in ten to the power of `rare` is; without those of
    which nothing is known.
    """
    import numpy as np

    lower, upper = expected.edges(rare)
    known = np.isfinite(expected.expected) & ~(np.isnan(lower) & np.isnan(upper))
    return {
        start: Band(float(expected.expected[n]), _known(lower[n]), _known(upper[n]))
        for n, start in enumerate(starts)
        if known[n]
    }


def rarity_within(most: float, opened: Callable[[float], int]) -> float:
    """The lowest rarity with which at most so many events opened; the highest where none has so
    few.
    """
    low, high = 0, len(_RARITIES) - 1
    while low < high:
        middle = (low + high) // 2
        if opened(_RARITIES[middle]) <= most:
            high = middle
        else:
            low = middle + 1
    return _RARITIES[low]


def beside(watch: Watch, reading: Reading, band: Band | None) -> Reading:
    """The reading beside what was expected of its period."""
    if reading.value is None:
        return reading
    if band is None:
        nothing = Compared(reading.value, None, reading.unit)
        return reading._replace(value=None, compared=nothing)
    sides = watch.direction or "both"
    compared = Compared(
        reading.value,
        band.expected,
        reading.unit,
        lower=band.lower if sides != "above" else None,
        upper=band.upper if sides != "below" else None,
    )
    return reading._replace(compared=compared)


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _history(given: Values, period: LongPeriod, zone: ZoneInfo, country: str) -> "History":
    import numpy as np

    from alerts.expectation.fitting import History

    values = _array(given.values, np.nan)
    special = _special(given.starts, zone, country)
    return History(period, zone, given.starts, values.tolist(), special)


def _special(starts: Sequence[datetime], zone: ZoneInfo, country: str) -> Mapping[date, SpecialDay]:
    return special_days(country, {start.astimezone(zone).year for start in starts})


def _array(values: Sequence[float | None], unknown: float) -> "NDArray[np.float64]":
    import numpy as np

    return np.array([unknown if one is None else one for one in values], dtype=np.float64)
