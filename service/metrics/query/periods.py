"""How periods are called in answers."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.http.parameters import MAX_LIMIT
from service.http.responses import instant
from sql import calendar
from sql.calendar import Period


class NamedPeriod(NamedTuple):
    """A period's name, its edges as answers write them, and its end in UTC."""

    label: str
    start_text: str
    end_text: str
    end: datetime


@lru_cache(maxsize=MAX_LIMIT)
def named_period(start: datetime, period: Period, zone: ZoneInfo) -> NamedPeriod:
    """How the period that starts then is called: kept, as the same few thousand hours and days
    are asked for again and again. `start` is in UTC: in a zone, the hour that is repeated in
    autumn would equal the one before.
    """
    local = start.astimezone(zone)
    end = calendar.following(local, period, zone)
    return NamedPeriod(
        calendar.label(local, period, zone), instant(local), instant(end), end.astimezone(UTC)
    )
