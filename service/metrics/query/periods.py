"""Names of periods."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sql import calendar
from sql.calendar import Period
from sql.vocabulary import MAX_ROWS


class NamedPeriod(NamedTuple):
    """A period's name, its edges as text, and its end in UTC."""

    label: str
    start_text: str
    end_text: str
    end: datetime


@lru_cache(maxsize=MAX_ROWS)
def named_period(start: datetime, period: Period, zone: ZoneInfo) -> NamedPeriod:
    """The name of the period that starts then: kept, as the same few thousand hours and days
    are asked for again and again. `start` is in UTC: in a zone, the hour that is repeated in
    autumn would equal the one before.
    """
    local = start.astimezone(zone)
    end = calendar.following(local, period, zone)
    return NamedPeriod(
        calendar.label(local, period, zone),
        calendar.instant_text(local),
        calendar.instant_text(end),
        end.astimezone(UTC),
    )
