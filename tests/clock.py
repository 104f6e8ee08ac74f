"""What time it is when a test runs, which may be long after it was collected."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sql.calendar import Period, floor, following

# Longer than what a test does between putting in figures of today and asking for them.
_WHILE = timedelta(seconds=45)


def this_hour() -> datetime:
    """Its start."""
    return floor(datetime.now(UTC), "hour", ZoneInfo("UTC"))


def today() -> datetime:
    """Its start, in UTC."""
    return this_hour().replace(hour=0)


def wait_out(period: Period, zone: ZoneInfo) -> None:
    """Let the hour or the day pass if it ends so soon that a test would end in the next one."""
    now = datetime.now(UTC)
    ahead = following(floor(now, period, zone), period, zone).astimezone(UTC) - now
    if ahead < _WHILE:
        time.sleep(ahead.total_seconds() + 1)
