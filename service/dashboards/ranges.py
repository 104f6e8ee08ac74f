"""The range that a dashboard or the explorer looks at."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.dashboards.config import TimeRange
from service.query.ranges import Span, span_of
from sql.calendar import day_start


def span_of_range(chosen: TimeRange, now: datetime, zone: ZoneInfo) -> Span:
    """The instants of a range; its end date is in it."""
    if chosen.last:
        return span_of(chosen.last, now, zone)
    assert chosen.start_date is not None
    assert chosen.end_date is not None
    return Span(day_start(chosen.start_date, zone), day_start(_after(chosen.end_date), zone))


def _after(day: date) -> date:
    return day + timedelta(days=1)
