"""Where in a rollup the buckets of a window are."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.baselines import Stretch
from alerts.figures import Trail, bucket_start, trail_up_to
from alerts.rollups import Span, begins_with_minutes
from alerts.selection import Source
from sql.durations import Calendar, Window


class WindowKey(NamedTuple):
    """One window in one rollup; of a trailing one, `edge` and `before` as in its span."""

    source: Source
    since: datetime
    edge: datetime | None = None
    before: datetime | None = None


def from_a_minute(found: Trail, source: Source, zone: ZoneInfo) -> Trail:
    """The window, from a whole minute on where its first hour is combined from minutes."""
    if not begins_with_minutes(source):
        return found
    return found._replace(since=bucket_start(found.since, "minute", zone))


def baseline_span(window: Window, source: Source, stretch: Stretch, zone: ZoneInfo) -> Span:
    """Where the buckets of a window are that another is compared with."""
    if isinstance(window, Calendar):
        return Span(source, *stretch)
    its = from_a_minute(trail_up_to(stretch.start, stretch.end, source.level, zone), source, zone)
    return Span(source, its.since, its.before, its.edge)


def combined(source: Source, stretch: Stretch) -> Span:
    """Where whole buckets of a stretch are, combined to one of each series."""
    return Span(source, *stretch, stretch.start)


def key_of(span: Span) -> WindowKey:
    """The key of the first window of a span."""
    return WindowKey(span.source, span.since, span.edge, span.before if span.edge else None)
