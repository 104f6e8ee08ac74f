"""The time when a test runs, which may be long after it was collected."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sql.calendar import Period, floor, following

# Longer than what a test does between putting in figures of today and asking for them.
_WHILE = timedelta(seconds=45)
# Than some dozens of requests.
_MOMENT_SECONDS = 10


def this_hour() -> datetime:
    """Its start."""
    return floor(datetime.now(UTC), "hour", ZoneInfo("UTC"))


def today() -> datetime:
    """Its start, in UTC."""
    return this_hour().replace(hour=0)


def wait_out_minute() -> None:
    """Let the minute pass if it ends so soon that requests sent at once would end in the next."""
    ahead = 60 - time.time() % 60
    if ahead < _MOMENT_SECONDS:
        time.sleep(ahead)


def wait_out(period: Period, zone: ZoneInfo) -> None:
    """Let the hour or the day pass if it ends so soon that a test would end in the next one."""
    now = datetime.now(UTC)
    ahead = following(floor(now, period, zone), period, zone).astimezone(UTC) - now
    if ahead < _WHILE:
        time.sleep(ahead.total_seconds() + 1)
