"""The ranges that one click shows the alerts of."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from service.metrics.query.ranges import RangeName, span_of
from service.web.choices import RANGES

_OFFERED: tuple[RangeName, ...] = ("today", "this_week", "last_week", "last_30_days")


class RangeLink(NamedTuple):
    """A range, and the list of its alerts; `is_shown` where that is what is looked at."""

    title: str
    address: str
    is_shown: bool


def range_links(chosen: Mapping[str, str], now: datetime, zone: ZoneInfo) -> list[RangeLink]:
    """The offered ranges, each with the other filters as they are chosen."""
    links = []
    for name in _OFFERED:
        dates = _dates(name, now, zone)
        is_shown = all(chosen.get(key) == day for key, day in dates.items())
        links.append(RangeLink(RANGES[name], f"/alerts?{urlencode({**chosen, **dates})}", is_shown))
    return links


def _dates(name: RangeName, now: datetime, zone: ZoneInfo) -> dict[str, str]:
    """Its first and its last day."""
    span = span_of(name, now, zone)
    last = span.before - timedelta(microseconds=1)
    days = {"start_date": span.since, "end_date": last}
    return {key: f"{instant.astimezone(zone):%Y-%m-%d}" for key, instant in days.items()}
