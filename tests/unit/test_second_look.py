"""What a window is read from where it ends within a bucket."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.rollups import Piece
from alerts.second_look import pieces_up_to
from alerts.selection import Source

UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_a_window_of_minutes_begins_and_ends_with_samples() -> None:
    since, until = NOON + MINUTE / 2, NOON + 5.5 * MINUTE
    assert pieces_up_to(Source("real_time", "minute"), since, until, UTC_ZONE) == [
        Piece(None, since, NOON + MINUTE),
        Piece("minute", NOON + MINUTE, NOON + 5 * MINUTE),
        Piece(None, NOON + 5 * MINUTE, until),
    ]


def test_a_day_that_is_not_over_is_read_from_hours_minutes_and_samples() -> None:
    day, until = NOON - 12 * HOUR, NOON + 7.5 * MINUTE
    assert pieces_up_to(Source("real_time", "day"), day, until, UTC_ZONE) == [
        Piece("hour", day, NOON),
        Piece("minute", NOON, NOON + 7 * MINUTE),
        Piece(None, NOON + 7 * MINUTE, until),
    ]


def test_what_is_submitted_hourly_has_no_minutes() -> None:
    until = NOON + 7.5 * MINUTE
    assert pieces_up_to(Source("hourly", "hour"), NOON, until, UTC_ZONE) == [
        Piece(None, NOON, until)
    ]


def test_a_month_is_read_from_days_not_weeks() -> None:
    month = datetime(2026, 3, 1, tzinfo=UTC)
    levels = [p.level for p in pieces_up_to(Source("hourly", "month"), month, NOON, UTC_ZONE)]
    assert levels == ["day", "hour"]


def test_whole_buckets_need_no_samples_and_an_empty_window_nothing() -> None:
    source = Source("hourly", "hour")
    assert pieces_up_to(source, NOON, NOON + HOUR, UTC_ZONE) == [Piece("hour", NOON, NOON + HOUR)]
    assert pieces_up_to(source, NOON, NOON, UTC_ZONE) == []
