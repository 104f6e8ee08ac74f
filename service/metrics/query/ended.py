"""Rollups that tell when series ended, for last values: a level is that of what still is; pure.

How late in a period the last sample of a series was is known from the rollups of its own steps: of
hours for what is submitted at least per hour, else of days. They are many and not kept for ever, so
that of long ago coarser ones have to do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sql import calendar
from sql.calendar import Period
from sql.vocabulary import LEVELS, Frequency

_STEPS: dict[Frequency, Period] = {
    "real_time": "hour",
    "hourly": "hour",
    "daily": "day",
    "monthly": "month",
}
_HOURS_FOR = timedelta(days=120)
_DAYS_FOR = timedelta(days=1700)


class Since(NamedTuple):
    """Starts of periods, in UTC, from which on ends are known by the hour and by the day."""

    hours: datetime
    days: datetime


class Steps(NamedTuple):
    """A level to read from `since` (None: ever) up to, not including, `before` (None: all)."""

    level: Period
    since: datetime | None
    before: datetime | None

    @property
    def step(self) -> Period:
        """Half of how long a series may be silent without having ended: an hour or longer."""
        return "hour" if self.level == "minute" else self.level


def known_since(now: datetime, period: Period, zone: ZoneInfo) -> Since:
    """The starts from which on ends are known by the hour and by the day, in whole periods."""
    hours = calendar.floor(now - _HOURS_FOR, period, zone).astimezone(UTC)
    days = calendar.floor(now - _DAYS_FOR, period, zone).astimezone(UTC)
    return Since(hours, days)


def steps_of(
    frequency: Frequency,
    level: Period,
    since: datetime | None,
    before: datetime | None,
    known: Since,
) -> Iterator[Steps]:
    """The levels that a range is read from, each for a part of it, newest first."""
    end = before
    for finer, start in (*_finer(frequency, level, known), (level, since)):
        first = since if start is None else max(since or start, start)
        if end is None or first is None or first < end:
            yield Steps(finer, first, end)
            end = first


def _finer(frequency: Frequency, level: Period, known: Since) -> Iterator[tuple[Period, datetime]]:
    levels, step = LEVELS[frequency], _STEPS[frequency]
    if step == "hour" and levels.index(level) > levels.index("hour"):
        yield "hour", known.hours
    if step != "month" and levels.index(level) > levels.index("day"):
        yield "day", known.days
