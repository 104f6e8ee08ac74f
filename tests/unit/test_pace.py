"""How much of a period is done by a moment in it, and where it will end."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.expectation.projection import Ahead, projected
from service.metrics.query.ranges import span_between
from service.metrics.targets.pace import FLAT, Shape, shape_of
from service.metrics.targets.target import Direction, Target, TargetPeriod, span_at

ZONE = ZoneInfo("America/Sao_Paulo")
MONDAY = datetime(2026, 11, 2, tzinfo=ZONE)
WEEK = span_between(MONDAY, MONDAY + timedelta(days=7))


def target(period: TargetPeriod, direction: Direction = "at_least", **days: date) -> Target:
    return Target("T", "m", period, 100.0, direction, None, {}, **days)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("day", "2026-11-30", "2026-11-30"),
        ("week", "2026-11-30", "2026-12-06"),
        ("month", "2026-11-01", "2026-11-30"),
        ("quarter", "2026-10-01", "2026-12-31"),
        ("year", "2026-01-01", "2026-12-31"),
    ],
)
def test_periods_are_those_of_the_business_calendar(
    period: TargetPeriod, first: str, last: str
) -> None:
    # In UTC it is December already.
    now = datetime(2026, 12, 1, 2, tzinfo=UTC)
    span = span_at(target(period), now, ZONE)
    assert span.since == datetime.fromisoformat(first).replace(tzinfo=ZONE)
    end = datetime.fromisoformat(last).replace(tzinfo=ZONE) + timedelta(days=1)
    assert span.before == end.astimezone(UTC)


def test_outside_its_days_it_is_its_first_or_last_period() -> None:
    held = target("month", since=date(2026, 3, 1), until=date(2026, 4, 30))
    early, late = (span_at(held, datetime(2026, at, 5, tzinfo=UTC), ZONE) for at in (1, 11))
    assert early.since.astimezone(ZONE).date() == date(2026, 3, 1)
    assert late.since.astimezone(ZONE).date() == date(2026, 4, 1)


def test_a_flat_shape_is_a_straight_line() -> None:
    assert FLAT.share(WEEK, MONDAY, ZONE) == 0
    assert FLAT.share(WEEK, MONDAY + timedelta(days=3.5), ZONE) == pytest.approx(0.5)
    assert FLAT.share(WEEK, MONDAY + timedelta(days=9), ZONE) == 1


def shop(weeks: int) -> Shape:
    """Open from 8 to 18, on Saturdays for half as much, on Sundays closed."""
    first = date(2026, 8, 3)
    values = {}
    for day in range(7 * weeks):
        for hour in range(8, 18):
            factor = {5: 0.5, 6: 0.0}.get(day % 7, 1.0)
            start = datetime(2026, 8, 3, hour, tzinfo=ZONE) + timedelta(days=day)
            values[start.astimezone(UTC)] = 10 * factor
    return shape_of(values, first, first + timedelta(days=7 * weeks), ZONE)


def test_the_shape_of_days_and_weeks_is_followed() -> None:
    shape = shop(8)
    whole = 5.5
    # Nothing is to be expected of the night, and by noon four of ten hours.
    assert shape.share(WEEK, MONDAY + timedelta(hours=8), ZONE) == 0
    assert shape.share(WEEK, MONDAY + timedelta(hours=12), ZONE) == pytest.approx(0.4 / whole)
    assert shape.share(WEEK, MONDAY + timedelta(hours=12, minutes=30), ZONE) == pytest.approx(
        0.45 / whole
    )
    assert shape.share(WEEK, MONDAY + timedelta(days=5), ZONE) == pytest.approx(5 / whole)
    assert shape.share(WEEK, MONDAY + timedelta(days=6), ZONE) == pytest.approx(1)


@pytest.mark.parametrize("weeks", [0, 1])
def test_too_little_has_no_shape(weeks: int) -> None:
    assert shop(weeks) == FLAT


def test_a_sum_ends_with_what_came_and_what_is_ahead() -> None:
    ahead = Ahead([10.0] * 4, [8.0] * 4, [13.0] * 4)
    end = projected("sum", 60.0, 0.6, ahead)
    assert end.value == 100
    # Misses of four steps partly even out: between twice and four times one of them.
    assert 4 < end.value - end.lower < 8
    assert 6 < end.upper - end.value < 12
    assert projected("sum", None, 0.0, ahead).value == 40


def test_means_levels_and_extremes_end_as_they_do() -> None:
    ahead = Ahead([10.0, 20.0], [5.0, 15.0], [15.0, 25.0])
    assert projected("avg", 30.0, 0.5, ahead).value == pytest.approx(22.5)
    assert projected("avg", None, 0.5, ahead).value == pytest.approx(15)
    assert projected("last", 99.0, 0.5, ahead) == (20.0, 15.0, 25.0)
    assert projected("max", 22.0, 0.5, ahead) == (22.0, 22.0, 25.0)
    assert projected("min", 7.0, 0.5, ahead) == (7.0, 5.0, 7.0)


def test_what_is_over_ends_as_it_is() -> None:
    assert projected("sum", 60.0, 1.0, Ahead((), (), ())) == (60.0, 60.0, 60.0)


def test_a_target_is_reached_or_not_exceeded() -> None:
    assert target("day").is_met(100)
    assert not target("day").is_met(99)
    assert target("day", "at_most").is_met(100)
    assert not target("day", "at_most").is_met(101)
