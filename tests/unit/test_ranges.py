"""Named ranges, and what comes before them."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.http.parameters import DateRange
from service.metrics.catalog import MetricEntry
from service.metrics.query.ranges import (
    RANGE_NAMES,
    RangeName,
    Span,
    period_a_year_before,
    period_for,
    previous,
    span_of,
    year_before,
)
from service.metrics.query.spec import aggregate_query
from service.overview.today import spans_of
from service.panels.config import TimeRange
from service.panels.ranges import axis, preceding, span_of_range
from sql.calendar import Period
from sql.scope import Scope

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
        ("last_week", "2026-03-09", "2026-03-16"),
        ("last_month", "2026-02-01", "2026-03-01"),
        ("this_week", "2026-03-16", "2026-03-19"),
        ("this_month", "2026-03-01", "2026-03-19"),
        ("this_year", "2026-01-01", "2026-03-19"),
    ],
)
def test_a_range_is_whole_days_of_the_time_zone(name: RangeName, since: str, before: str) -> None:
    assert span_of(name, NOW, PAULO)[:2] == (local(since), local(before))


# Midnights that did not exist and hours that came twice, with the days around them.
CHANGES = [
    ("America/Sao_Paulo", "2017-10-15T03:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),
    ("America/Santiago", "2026-09-06T04:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00Z"),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_a_range_is_asked_for_as_it_is_whatever_clocks_do(name: str, change: str) -> None:
    zone = ZoneInfo(name)
    for hours in range(-50, 51):
        now = datetime.fromisoformat(change) + timedelta(hours=hours, minutes=30)
        spans = [*(span_of(each, now, zone) for each in RANGE_NAMES), *spans_of(now, zone)]
        today = now.astimezone(zone).date()
        chosen = TimeRange(start_date=today - timedelta(days=40), end_date=today)
        spans.append(span_of_range(chosen, now, zone))
        for span in spans:
            if span.since == span.before:
                continue
            query = aggregate_query(
                MetricEntry("sales"),
                Scope(),
                zone,
                period="hour",
                since=span.since,
                before=span.before,
            )
            assert (query.since, query.before) == (span.since, span.before)


@pytest.mark.parametrize(("day", "hours"), [("2026-11-01", 25), ("2026-03-08", 23)])
def test_a_bare_date_is_a_day_of_its_own_length(day: str, hours: int) -> None:
    new_york = ZoneInfo("America/New_York")
    asked = DateRange.model_validate({"start_date": day, "end_date": day})
    since, before = asked.since(new_york), asked.before(new_york)
    assert since is not None
    assert before is not None
    assert before - since == timedelta(hours=hours)


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_the_last_24_hours_are_24_hours_on_every_day(name: str, change: str) -> None:
    zone = ZoneInfo(name)
    for hours in range(-3, 28):
        now = datetime.fromisoformat(change) + timedelta(hours=hours, minutes=30)
        span = span_of("last_24_hours", now, zone)
        times = axis(span, "hour", now, zone)
        assert len(times) == 24
        assert times[-1] == now - timedelta(minutes=30)


def test_every_name_has_a_range_that_now_is_in_or_that_is_over() -> None:
    for name in RANGE_NAMES:
        span = span_of(name, NOW, UTC)
        assert span.since < span.before
        assert (span.since <= NOW < span.before) == (
            name not in ("yesterday", "last_week", "last_month")
        )


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
        # All of the one before.
        ("last_week", "2026-03-18", "2026-03-02", "2026-03-09"),
        ("last_month", "2026-03-18", "2026-01-01", "2026-02-01"),
        # No unit so far, but so many days.
        ("last_7_days", "2026-03-18", "2026-03-05", "2026-03-12"),
    ],
)
def test_before_a_unit_so_far_comes_as_much_of_the_one_before(
    name: RangeName, now: str, since: str, before: str
) -> None:
    span = span_of(name, local(f"{now}T15:00"), PAULO)
    assert previous(span, PAULO) == Span(local(since), local(before))


@pytest.mark.parametrize(
    ("start", "period", "before"),
    [
        # With Black Friday in both.
        ("2026-11-23", "week", "2025-11-24"),
        ("2024-12-23", "week", "2023-12-25"),
        ("2024-03-04", "week", "2023-03-06"),
        ("2026-11-01", "month", "2025-11-01"),
        ("2026-11-01", "quarter", "2025-10-01"),
        ("2026-11-01", "year", "2025-01-01"),
        # On the same weekday, here Black Friday and a Monday.
        ("2026-11-27", "day", "2025-11-28"),
        ("2026-11-23", "day", "2025-11-24"),
    ],
)
def test_a_period_is_compared_with_its_like_of_the_year_before(
    start: str, period: Period, before: str
) -> None:
    assert period_a_year_before(local(start), period, PAULO) == local(before)


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


@pytest.mark.parametrize(
    ("days", "period"), [(3, "hour"), (4, "day"), (120, "day"), (121, "week"), (366, "week")]
)
def test_a_day_of_25_hours_does_not_make_a_range_longer(days: int, period: str) -> None:
    berlin, last = ZoneInfo("Europe/Berlin"), date(2026, 10, 26)
    chosen = TimeRange(start_date=last - timedelta(days=days - 1), end_date=last)
    assert period_for(span_of_range(chosen, NOW, berlin)) == period
