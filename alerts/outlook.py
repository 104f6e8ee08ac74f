"""Outlooks: with what value the window under way will end, of what came of it so far and a forecast
of the rest. Pure; numpy is imported where it is used first, as it takes long.

What came so far is that of whole periods of `Watch.grain`. A forecast by days is made anew after
each; one by hours at the beginning of the day.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.bands import Values, period_starts, row_start
from alerts.baselines import Stretch
from alerts.decision import Compared, Reading
from alerts.expectation.gaps import without_gaps
from alerts.expectation.projection import Ahead, projected
from alerts.expectation.seasons import SEASONS
from alerts.figures import bucket_end, bucket_start, periods
from alerts.watch import Watch
from sql import calendar
from sql.calendar import LongPeriod
from sql.decimals import rounded
from sql.durations import Calendar
from sql.vocabulary import ADDING

# The share of ends that are to lie in the band.
_LEVEL = 0.9
_LENGTHS: Mapping[LongPeriod, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


class Outlook(NamedTuple):
    """A forecast of periods by their starts in UTC, up to the end of a window."""

    starts: Sequence[datetime]
    ahead: Ahead

    def since(self, instant: datetime) -> Ahead:
        """Of the periods that start then or later."""
        first = bisect_left(self.starts, instant)
        return Ahead(*(column[first:] for column in self.ahead))


def period_of(watch: Watch) -> LongPeriod:
    """The period by which the end of a window is foreseen."""
    assert isinstance(watch.grain, Calendar)
    return watch.grain.period


def so_far(watch: Watch, now: datetime, zone: ZoneInfo, settle: float = 0.0) -> Stretch:
    """Of the window under way the periods that are over and have settled."""
    assert isinstance(watch.window, Calendar)
    end = periods(Calendar(period_of(watch)), now, zone, settle).current
    return Stretch(bucket_start(end, watch.window.period, zone), end)


def whole_window(watch: Watch, came: Stretch, zone: ZoneInfo) -> Stretch:
    """The window that something came of so far."""
    assert isinstance(watch.window, Calendar)
    return Stretch(came.start, bucket_end(came.start, watch.window.period, zone))


def origin_of(watch: Watch, end: datetime, zone: ZoneInfo) -> datetime:
    """Where the history ends that says what comes after `end`."""
    return row_start(end, period_of(watch), zone)


def history_before(watch: Watch, origin: datetime, zone: ZoneInfo) -> datetime:
    """Where that history begins."""
    period = period_of(watch)
    since = origin - SEASONS[period].longest * _LENGTHS[period]
    return calendar.floor(since, period, zone).astimezone(UTC)


def outlook_of(given: Values, watch: Watch, window: Stretch, zone: ZoneInfo) -> Outlook | None:
    """The forecast of a window from the end of a history on; None where that is too short."""
    if not given.starts:
        return None
    import numpy as np

    from alerts.expectation.forecast import TooShort, forecast

    period = period_of(watch)
    starts = period_starts(bucket_end(given.starts[-1], period, zone), window.end, period, zone)
    known = np.array(without_gaps(given.values, adds=watch.aggregation in ADDING))
    try:
        made = forecast(known, period, len(starts), _LEVEL)
    except TooShort:
        return None
    return Outlook(starts, Ahead(made.values.tolist(), made.lower.tolist(), made.upper.tolist()))


def foreseen(watch: Watch, reading: Reading, window: Stretch, ahead: Ahead | None) -> Reading:
    """The reading of what came of a window so far, as that of what it will end with."""
    whole = Reading(None, *window, reading.unit)
    came = reading.value
    if reading.start == reading.end:
        # Nothing could come yet, which is no silence.
        came = 0.0 if came is None else came
        ahead = ahead if watch.aggregation in ADDING else None
    if came is None:
        return whole
    if ahead is None:
        return whole._replace(compared=Compared(came, None, reading.unit))
    share = (reading.end - window.start) / (window.end - window.start)
    value, lower, upper = map(rounded, projected(watch.aggregation, came, share, ahead))
    compared = Compared(came, None, reading.unit, lower=lower, upper=upper)
    return whole._replace(value=value, compared=compared)
