"""The ranges of a breakdown, and the levels that are made of whole buckets of them; pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.metrics.query.breakdown import BreakdownQuery
from service.metrics.query.ranges import Span
from service.metrics.query.selected import Selected
from sql import calendar
from sql.calendar import Period
from sql.vocabulary import LEVELS, Frequency

# Before it there are no samples.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
# So far ahead a sample may be.
_AHEAD = timedelta(minutes=5)


def span_of_query(query: BreakdownQuery, now: datetime) -> Span:
    """The range of a query, of unlimited ones as far as there can be samples."""
    figures = query.figures
    if figures.before is None:
        end = calendar.ceiling(now + _AHEAD, figures.period, figures.zone).astimezone(UTC)
    else:
        end = figures.before
    since = figures.since or _FIRST
    return Span(since, max(since, end), query.unit, whole=query.is_whole)


def finest_level(frequencies: Sequence[Frequency]) -> Period:
    """The finest level down to the hour that all of them have."""
    levels: tuple[Period, ...] = ("hour", "day", "week", "month")
    return next(
        level for level in levels if all(level in LEVELS[frequency] for frequency in frequencies)
    )


def floored(span: Span, level: Period, zone: ZoneInfo) -> Span:
    """The span in whole buckets of a level."""
    return Span(
        calendar.floor(span.since, level, zone).astimezone(UTC),
        calendar.floor(span.before, level, zone).astimezone(UTC),
    )


def level_of(span: Span, selected: Selected, zone: ZoneInfo) -> Period:
    """The level whose buckets make up a range: that of the selection, or a finer one where the
    range ends within its buckets.
    """
    if floored(span, selected.level, zone) == Span(span.since, span.before):
        return selected.level
    days = floored(span, "day", zone) == Span(span.since, span.before)
    has_days = all("day" in LEVELS[frequency] for frequency in selected.frequencies)
    return "day" if days and has_days else finest_level(selected.frequencies)
