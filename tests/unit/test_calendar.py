"""Periods on the calendar of a time zone: they cover time without gap or overlap."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.metrics.reconciliation import start_of_label
from sql.calendar import (
    Period,
    WeekStart,
    begin_weeks_on,
    ceiling,
    day_start,
    first_day_of,
    floor,
    following,
    label,
)
from sql.timezones import BadTimezone, check_whole_hours

# Daylight saving that begins at midnight (Sao_Paulo until 2018, Asuncion, Cairo, Beirut,
# Santiago), at 01:00 or 02:00, in the southern summer, never; a day that was left out (Apia).
ZONES = (
    "UTC",
    "Africa/Cairo",
    "America/Asuncion",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Asia/Tokyo",
    "Europe/Lisbon",
    "Pacific/Apia",
    "Pacific/Auckland",
)
PERIODS: tuple[Period, ...] = get_args(Period)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
FIRST = datetime(2011, 1, 1, tzinfo=UTC)


def _changes(zone: ZoneInfo) -> list[datetime]:
    """The instants at which the zone's offset changes, from 2011 to 2020."""

    def offset(instant: datetime) -> timedelta | None:
        return instant.astimezone(zone).utcoffset()

    days = (FIRST + timedelta(days=n) for n in range(3650))
    changed = (day for day in days if offset(day) != offset(day + timedelta(days=1)))
    hours = (day + n * HOUR for day in changed for n in range(1, 25))
    return [instant for instant in hours if offset(instant) != offset(instant - HOUR)]


CHANGES = {name: _changes(ZoneInfo(name)) for name in ZONES}


@st.composite
def instants_in_zones(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """An instant, often on an edge or next to one, written in any offset."""
    name = draw(st.sampled_from(ZONES))
    anywhere = st.integers(0, 38 * 365 * 86400 * 10**6).map(
        lambda microseconds: FIRST + microseconds * MICROSECOND
    )
    near = anywhere
    if CHANGES[name]:
        near = st.builds(
            lambda change, hours, nudge: change + hours * HOUR + nudge,
            st.sampled_from(CHANGES[name]),
            st.sampled_from((-24, -2, -1, 0, 1, 2, 24)),
            st.sampled_from((-MICROSECOND, timedelta(), MICROSECOND, timedelta(minutes=17))),
        )
    instant = draw(st.one_of(near, anywhere))
    offsets = (UTC, ZoneInfo(name), timezone(timedelta(hours=-3)), ZoneInfo("Asia/Tokyo"))
    written_in = draw(st.sampled_from(offsets))
    return instant.astimezone(written_in), ZoneInfo(name)


def utc(moment: datetime) -> datetime:
    """For comparisons: within one zone Python compares wall clocks, not instants."""
    return moment.astimezone(UTC)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(instants_in_zones(), st.sampled_from(PERIODS))
def test_every_instant_is_in_exactly_one_period(
    where: tuple[datetime, ZoneInfo], period: Period
) -> None:
    instant, zone = where
    start = floor(instant, period, zone)
    end = following(start, period, zone)
    assert utc(start) <= utc(instant) < utc(end)
    assert utc(floor(start, period, zone)) == utc(start)
    assert utc(floor(utc(end) - MICROSECOND, period, zone)) == utc(start)
    assert utc(floor(end, period, zone)) == utc(end)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(instants_in_zones(), st.sampled_from(PERIODS))
def test_ceiling_is_the_first_start_that_is_not_before_the_instant(
    where: tuple[datetime, ZoneInfo], period: Period
) -> None:
    instant, zone = where
    start = floor(instant, period, zone)
    expected = start if utc(start) == utc(instant) else following(start, period, zone)
    assert utc(ceiling(instant, period, zone)) == utc(expected)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(instants_in_zones(), st.sampled_from(PERIODS))
def test_following_periods_have_labels_of_their_own_in_order(
    where: tuple[datetime, ZoneInfo], period: Period
) -> None:
    instant, zone = where
    starts = [floor(instant, period, zone)]
    for _ in range(30):
        starts.append(following(starts[-1], period, zone))
    labels = [label(start, period, zone) for start in starts]
    assert len(set(labels)) == len(labels)
    assert [utc(start) for start in starts] == sorted(utc(start) for start in starts)
    if period not in ("minute", "hour"):
        assert labels == sorted(labels)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(instants_in_zones())
def test_the_local_date_decides_day_week_and_month(where: tuple[datetime, ZoneInfo]) -> None:
    instant, zone = where
    day = instant.astimezone(zone).date()
    monday = day - timedelta(days=day.weekday())
    assert label(floor(instant, "day", zone), "day", zone) == day.isoformat()
    assert label(floor(instant, "month", zone), "month", zone) == day.isoformat()[:7]
    # The Monday that Apia left out is called by the day that came in its place.
    if zone.key != "Pacific/Apia":
        assert label(floor(instant, "week", zone), "week", zone) == monday.isoformat()


@pytest.mark.parametrize("name", ZONES)
def test_the_zones_here_are_zones_the_service_accepts(name: str) -> None:
    assert check_whole_hours(name).key == name


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("America/New_York", date(2025, 3, 9), "2025-03-09T00:00:00-05:00", 23),
        ("America/New_York", date(2025, 11, 2), "2025-11-02T00:00:00-04:00", 25),
        ("America/New_York", date(2025, 11, 3), "2025-11-03T00:00:00-05:00", 24),
        # Midnight did not exist; the day began at 01:00.
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T01:00:00-02:00", 23),
        # 23:00 came twice.
        ("America/Sao_Paulo", date(2018, 2, 17), "2018-02-17T00:00:00-02:00", 25),
        ("America/Sao_Paulo", date(2026, 2, 17), "2026-02-17T00:00:00-03:00", 24),
        ("UTC", date(2024, 2, 29), "2024-02-29T00:00:00+00:00", 24),
    ],
)
def test_days_of_daylight_saving_changes_have_23_or_25_hours(
    zone: str, day: date, start: str, hours: int
) -> None:
    there = ZoneInfo(zone)
    begin = day_start(day, there)
    assert begin.isoformat() == start
    assert utc(following(begin, "day", there)) - utc(begin) == hours * HOUR


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-01-01", "2024-02-01"),
        ("2024-02-01", "2024-03-01"),
        ("2025-02-01", "2025-03-01"),
        ("2025-04-01", "2025-05-01"),
        ("2025-12-01", "2026-01-01"),
    ],
)
def test_months_are_as_long_as_they_are(start: str, end: str) -> None:
    zone = ZoneInfo("America/New_York")
    begin = day_start(date.fromisoformat(start), zone)
    assert following(begin, "month", zone) == day_start(date.fromisoformat(end), zone)


def test_weeks_start_on_monday() -> None:
    sunday = datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    week = floor(sunday, "week", ZoneInfo("UTC"))
    assert label(week, "week", ZoneInfo("UTC")) == "2026-02-23"
    assert following(week, "week", ZoneInfo("UTC")) == datetime(2026, 3, 2, tzinfo=UTC)


def test_an_hour_that_is_repeated_is_two_hours() -> None:
    zone = ZoneInfo("America/New_York")
    first = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    second = first + HOUR
    labels = [label(floor(instant, "hour", zone), "hour", zone) for instant in (first, second)]
    assert labels == ["2025-11-02T01:00:00-04:00", "2025-11-02T01:00:00-05:00"]


@pytest.mark.parametrize(
    ("zone", "period", "words"),
    [
        ("UTC", "hour", "2026-02-28T22:00:00Z"),
        ("UTC", "day", "2026-02-28"),
        ("UTC", "week", "2026-02-23"),
        ("UTC", "month", "2026-02"),
        ("Asia/Tokyo", "minute", "2026-03-01T07:30:00+09:00"),
        ("Asia/Tokyo", "hour", "2026-03-01T07:00:00+09:00"),
        ("Asia/Tokyo", "day", "2026-03-01"),
        ("Asia/Tokyo", "week", "2026-02-23"),
        ("Asia/Tokyo", "month", "2026-03"),
        ("UTC", "quarter", "2026-Q1"),
        ("Asia/Tokyo", "year", "2026"),
    ],
)
def test_labels(zone: str, period: Period, words: str) -> None:
    there = ZoneInfo(zone)
    instant = datetime(2026, 2, 28, 22, 30, tzinfo=UTC)
    start = floor(instant, period, there)
    assert label(start, period, there) == words
    if period not in ("minute", "hour"):
        assert day_start(first_day_of(words, period), there) == start


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("quarter", "2026-Q5"),
        ("quarter", "2026-4"),
        ("quarter", "Q1"),
        ("year", "26"),
        ("month", "2"),
    ],
)
def test_what_no_period_is_called(period: Period, words: str) -> None:
    assert start_of_label(words, period, ZoneInfo("UTC")) is None


@pytest.fixture
def weeks_on_monday() -> Iterator[None]:
    """Weeks begin then again after the test."""
    yield
    begin_weeks_on("monday")


@pytest.mark.usefixtures("weeks_on_monday")
@pytest.mark.parametrize(
    ("start", "first"),
    [("monday", "2026-11-30"), ("sunday", "2026-11-29"), ("saturday", "2026-11-28")],
)
def test_weeks_begin_on_the_day_of_the_installation(start: WeekStart, first: str) -> None:
    begin_weeks_on(start)
    zone = ZoneInfo("America/Sao_Paulo")
    begin = day_start(date.fromisoformat(first), zone)
    for days in range(7):
        moment = begin + timedelta(days=days, hours=23)
        assert floor(moment, "week", zone) == begin
    assert floor(begin - MICROSECOND, "week", zone) == begin - timedelta(days=7)
    assert following(begin, "week", zone) == begin + timedelta(days=7)


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "right/UTC", "posix/Europe/Berlin", ""]
)
def test_names_that_postgresql_does_not_know_are_no_zones(name: str) -> None:
    with pytest.raises(BadTimezone):
        check_whole_hours(name)
