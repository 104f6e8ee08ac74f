"""Comparison: the ranges that a range is compared with; pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.metrics.query.ranges import Span, previous
from sql.vocabulary import Comparison

# How many days earlier; 364 are the same weekdays.
_DAYS: dict[Comparison, Sequence[int]] = {
    "previous_day": (1,),
    "previous_week": (7,),
    "previous_year": (364,),
    "average_4_weeks": (7, 14, 21, 28),
}


def compared_spans(
    comparison: Comparison, span: Span, until: datetime, zone: ZoneInfo
) -> Sequence[Span]:
    """The ranges to compare with. Of a range that is not over, `until` which there are figures of
    it, each ends as early: the first ten days and three hours of a month are compared with those
    of another.
    """
    until = min(until, span.before)
    if comparison != "previous_period":
        return [
            Span(_earlier(span.since, days, zone), _earlier(until, days, zone))
            for days in _DAYS[comparison]
        ]
    other = previous(span, zone)
    if until == span.before:
        return [other]
    days = (span.since.astimezone(zone).date() - other.since.astimezone(zone).date()).days
    as_far = _earlier(until, days, zone) if days else until - (span.since - other.since)
    return [Span(other.since, max(other.since, min(other.before, as_far)))]


def _earlier(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day so many days before, in UTC."""
    return (moment.astimezone(zone) - timedelta(days=days)).astimezone(UTC)
