"""Named ranges, and what comes before them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from service.dashboards.ranges import preceding
from service.query.ranges import (
    RANGE_NAMES,
    RangeName,
    Span,
    period_for,
    previous,
    span_of,
    year_before,
)

PAULO = ZoneInfo("America/Sao_Paulo")
UTC = ZoneInfo("UTC")
# A Wednesday, 23:30 in São Paulo and already Thursday in UTC.
NOW = datetime.fromisoformat("2026-03-18T23:30:00-03:00")


def local(text: str, zone: ZoneInfo = PAULO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("name", "since", "before"),
    [
        ("today", "2026-03-18", "2026-03-19"),
        ("yesterday", "2026-03-17", "2026-03-18"),
        ("last_24_hours", "2026-03-18T00:00", "2026-03-19T00:00"),
        ("last_7_days", "2026-03-12", "2026-03-19"),
        ("last_30_days", "2026-02-17", "2026-03-19"),
        ("last_90_days", "2025-12-19", "2026-03-19"),
        ("last_12_months", "2025-04-01", "2026-03-19"),
        ("this_week", "2026-03-16", "2026-03-19"),
        ("this_month", "2026-03-01", "2026-03-19"),
        ("this_year", "2026-01-01", "2026-03-19"),
    ],
)
def test_a_range_is_whole_days_of_the_time_zone(name: RangeName, since: str, before: str) -> None:
    assert span_of(name, NOW, PAULO)[:2] == (local(since), local(before))


def test_every_name_has_a_range_that_now_is_in_or_that_is_yesterday() -> None:
    for name in RANGE_NAMES:
        span = span_of(name, NOW, UTC)
        assert span.since < span.before
        assert (span.since <= NOW < span.before) == (name != "yesterday")


def test_days_of_23_and_25_hours_are_whole_days_too() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime.fromisoformat("2026-03-30T12:00:00+02:00")
    span = span_of("last_7_days", now, berlin)
    assert span.since == local("2026-03-24", berlin)
    assert previous(span, berlin) == Span(local("2026-03-17", berlin), local("2026-03-24", berlin))


def test_before_hours_come_as_many_hours() -> None:
    now = datetime.fromisoformat("2026-03-18T10:30:00+00:00")
    span = span_of("last_24_hours", now, UTC)
    assert span == Span(local("2026-03-17T11:00", UTC), local("2026-03-18T11:00", UTC))
    assert previous(span, UTC) == Span(
        local("2026-03-16T11:00", UTC), local("2026-03-17T11:00", UTC)
    )


@pytest.mark.parametrize(
    ("name", "now", "since", "before"),
    [
        # Monday to Wednesday.
        ("this_week", "2026-03-18", "2026-03-09", "2026-03-12"),
        ("this_month", "2026-03-18", "2026-02-01", "2026-02-19"),
        # February has no more.
        ("this_month", "2026-03-31", "2026-02-01", "2026-03-01"),
        ("this_month", "2026-01-01", "2025-12-01", "2025-12-02"),
        ("this_year", "2026-03-18", "2025-01-01", "2025-03-19"),
        ("this_year", "2028-12-31", "2027-01-01", "2028-01-01"),
        # No unit so far, but so many days.
        ("last_7_days", "2026-03-18", "2026-03-05", "2026-03-12"),
    ],
)
def test_before_a_unit_so_far_comes_as_much_of_the_one_before(
    name: RangeName, now: str, since: str, before: str
) -> None:
    span = span_of(name, local(f"{now}T15:00"), PAULO)
    assert previous(span, PAULO) == Span(local(since), local(before))


def test_a_year_before_the_29th_of_february_is_the_28th() -> None:
    assert year_before(local("2028-02-29T05:00"), PAULO) == local("2027-02-28T05:00")
    assert year_before(local("2026-03-18"), PAULO) == local("2025-03-18")


def test_the_periods_before_one_follow_each_other_up_to_it() -> None:
    # The clock changes on 8 March: the day has 23 hours.
    new_york = ZoneInfo("America/New_York")
    first = local("2026-03-09", new_york)
    days = preceding(first, "day", 3, new_york)
    assert days == tuple(local(f"2026-03-0{day}", new_york) for day in (6, 7, 8))
    assert preceding(first, "week", 1, new_york) == (local("2026-03-02", new_york),)
    assert preceding(local("2026-03-01"), "month", 2, PAULO) == (
        local("2026-01-01"),
        local("2026-02-01"),
    )


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("today", "hour"),
        ("last_7_days", "day"),
        ("last_90_days", "day"),
        ("last_12_months", "week"),
    ],
)
def test_the_period_follows_the_length(name: RangeName, period: str) -> None:
    assert period_for(span_of(name, NOW, PAULO)) == period
