"""Filling periods without samples."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.explore.models import AggregateParams
from service.metrics.catalog import MetricEntry
from service.metrics.query.fill import Point, filled
from service.metrics.query.spec import AggregateQuery
from sql.calendar import Period, floor, following, label
from sql.errors import Invalid
from sql.scope import Scope
from sql.vocabulary import MAX_ROWS, Fill

UTC_ZONE = ZoneInfo("UTC")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
FILLS: tuple[Fill, ...] = ("zero", "null", "previous")
PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month")


def query(zone: ZoneInfo = UTC_ZONE, **given: Any) -> AggregateQuery:
    """The query of such a request."""
    params = AggregateParams.model_validate({"metric_name": "sales", **given})
    return params.query(MetricEntry("sales"), {}, Scope(), zone)


def day(number: int, group: int = 0, value: float = 1.0) -> Point:
    """The value of a day in March 2026."""
    return Point(datetime(2026, 3, number, tzinfo=UTC), group, value)


def values(points: list[Point]) -> list[tuple[int, int, float | None]]:
    """Day, group and value of each point."""
    return [(point.start.day, point.group, point.value) for point in points]


@pytest.mark.parametrize(
    ("fill", "between", "before"), [("zero", 0, 0), ("null", None, None), ("previous", 5.0, None)]
)
def test_days_without_samples_get_what_was_asked_for(
    fill: str, between: float | None, before: float | None
) -> None:
    asked = query(fill=fill, start_date="2026-03-04", end_date="2026-03-08")
    found = filled([day(5, value=5.0), day(8, value=8.0)], asked, 1, NOW)
    assert values(found) == [
        (4, 0, before),
        (5, 0, 5.0),
        (6, 0, between),
        (7, 0, between),
        (8, 0, 8.0),
    ]


def test_a_zero_that_was_measured_is_carried_forward() -> None:
    asked = query(fill="previous", start_date="2026-03-04", end_date="2026-03-06")
    found = filled([day(4, value=7.0), day(5, value=0.0)], asked, 1, NOW)
    assert values(found) == [(4, 0, 7.0), (5, 0, 0.0), (6, 0, 0.0)]


def test_each_group_carries_its_own_value_forward() -> None:
    asked = query(fill="previous", start_date="2026-03-04", end_date="2026-03-05")
    found = filled([day(4, 0, 1.0), day(4, 2, 3.0)], asked, 3, NOW)
    assert values(found) == [
        (4, 0, 1.0),
        (4, 1, None),
        (4, 2, 3.0),
        (5, 0, 1.0),
        (5, 1, None),
        (5, 2, 3.0),
    ]


def test_without_a_start_it_begins_with_the_first_samples_and_ends_now() -> None:
    found = filled([day(8)], query(fill="zero"), 1, NOW)
    assert values(found) == [(8, 0, 1.0), (9, 0, 0), (10, 0, 0)]


def test_days_ahead_are_not_made_up() -> None:
    asked = query(fill="zero", start_date="2026-03-09", end_date="2026-03-20")
    assert values(filled([], asked, 1, NOW)) == [(9, 0, 0), (10, 0, 0)]
    assert filled([], query(fill="zero", start_date="2026-03-11"), 1, NOW) == []


def test_samples_ahead_are_shown_with_the_days_up_to_them() -> None:
    found = filled([day(9), day(12)], query(fill="zero"), 1, NOW)
    assert values(found) == [(9, 0, 1.0), (10, 0, 0), (11, 0, 0), (12, 0, 1.0)]


@pytest.mark.parametrize("fill", FILLS)
def test_nothing_is_made_of_nothing(fill: Fill) -> None:
    assert filled([], query(fill=fill), 1, NOW) == []
    assert filled([], query(fill=fill, start_date="2026-03-01"), 0, NOW) == []


def test_both_halves_of_a_repeated_hour_keep_their_values() -> None:
    first = datetime(2025, 11, 2, 5, tzinfo=UTC)
    starts = [first + timedelta(hours=n) for n in range(3)]
    points = [Point(starts[0], 0, 10.0), Point(starts[1], 0, 20.0)]
    found = filled(points, query(NEW_YORK, period="hour", fill="zero"), 1, starts[2])
    found_at = [point.start.astimezone(NEW_YORK).isoformat() for point in found]
    assert list(zip(found_at, [point.value for point in found], strict=True)) == [
        ("2025-11-02T01:00:00-04:00", 10.0),
        ("2025-11-02T01:00:00-05:00", 20.0),
        ("2025-11-02T02:00:00-05:00", 0),
    ]


def test_the_second_half_of_a_repeated_hour_is_not_made_up_in_the_first() -> None:
    now = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    asked = query(NEW_YORK, period="hour", fill="zero", start_date="2025-11-02")
    found = filled([], asked, 1, now)
    assert [point.start.astimezone(NEW_YORK).isoformat() for point in found] == [
        "2025-11-02T00:00:00-04:00",
        "2025-11-02T01:00:00-04:00",
    ]


def test_a_night_whose_hour_comes_twice_has_every_minute_of_it() -> None:
    asked = query(
        NEW_YORK, period="minute", fill="zero", start_date="2025-11-02", end_date="2025-11-02"
    )
    again = datetime(2025, 11, 2, 6, 30, tzinfo=UTC)
    found = filled([Point(again, 0, 3.0)], asked, 1, NOW)
    assert len(found) == 25 * 60
    assert [point.start for point in found if point.value] == [again]
    names = [label(point.start, "minute", NEW_YORK) for point in found]
    assert len(set(names)) == len(found)
    assert names[90] == "2025-11-02T01:30:00-04:00"
    assert names[150] == "2025-11-02T01:30:00-05:00"


def test_too_many_periods_are_refused_with_the_reason() -> None:
    hours = timedelta(hours=MAX_ROWS - 1)
    just_enough = query(period="hour", fill="zero", start_date=(NOW - hours).isoformat())
    assert len(filled([], just_enough, 1, NOW)) == MAX_ROWS
    start = NOW - hours - timedelta(hours=1)
    with pytest.raises(Invalid, match="up to 10000 periods") as refused:
        filled([], query(period="hour", fill="zero", start_date=start.isoformat()), 1, NOW)
    assert [problem.field for problem in refused.value.problems] == ["fill"]


def test_of_more_rows_than_the_limit_the_newest_come_with_a_period_more() -> None:
    asked = query(fill="zero", limit=5, start_date="2026-01-01", end_date="2026-03-08")
    found = filled([], asked, 2, NOW)
    assert values(found)[-5:] == [(6, 1, 0), (7, 0, 0), (7, 1, 0), (8, 0, 0), (8, 1, 0)]
    assert 5 < len(found) <= 5 + 2


def test_what_lies_before_the_limit_is_still_carried_forward() -> None:
    asked = query(fill="previous", limit=2, start_date="2026-02-01", end_date="2026-03-08")
    found = filled([day(1, 0, 4.0), day(2, 0, 5.0), day(8, 1, 6.0)], asked, 2, NOW)
    assert values(found)[-2:] == [(8, 0, 5.0), (8, 1, 6.0)]


@st.composite
def sparse_values(draw: st.DrawFn) -> tuple[AggregateQuery, list[Point], int]:
    """A query for hours or days around a change of clocks, and what there is for it."""
    zone = draw(st.sampled_from((UTC_ZONE, NEW_YORK, ZoneInfo("Europe/Lisbon"))))
    period = draw(st.sampled_from(PERIODS))
    groups = draw(st.integers(1, 3))
    first = datetime(2025, 10, 20, tzinfo=UTC)
    hours = st.integers(0, 24 * 30)
    ages = draw(st.lists(st.tuples(hours, st.integers(0, groups - 1)), max_size=30))
    starts = {
        (floor(first + timedelta(hours=age), period, zone).astimezone(UTC), group)
        for age, group in ages
    }
    points = [
        Point(start.astimezone(zone), group, float(number))
        for number, (start, group) in enumerate(sorted(starts))
    ]
    params: dict[str, Any] = {"period": period, "fill": draw(st.sampled_from(FILLS))}
    if draw(st.booleans()):
        params["start_date"] = "2025-10-19"
        params["end_date"] = "2025-11-30"
    return query(zone, **params), points, groups


@settings(derandomize=True, deadline=None, max_examples=150)
@given(sparse_values())
def test_every_period_has_each_group_once_and_no_figure_is_lost_or_changed(
    case: tuple[AggregateQuery, list[Point], int],
) -> None:
    asked, points, groups = case
    period, zone = asked.period, asked.zone
    now = datetime(2025, 11, 20, 12, tzinfo=UTC)
    found = filled(points, asked, groups, now)
    starts = [point.start.astimezone(UTC) for point in found[::groups]]
    for here, following_one in pairwise(starts):
        assert following(here, period, zone).astimezone(UTC) == following_one
    expected = [(start, group) for start in starts for group in range(groups)]
    assert [(point.start.astimezone(UTC), point.group) for point in found] == expected
    found_values = {(point.start.astimezone(UTC), point.group): point.value for point in found}
    given_values = {(point.start.astimezone(UTC), point.group): point.value for point in points}
    assert {key: found_values[key] for key in given_values} == given_values
    carried: dict[int, float | None] = dict.fromkeys(range(groups))
    for key in expected:
        carried[key[1]] = given_values.get(key, carried[key[1]])
        if key not in given_values:
            made_up = {"zero": 0, "null": None, "previous": carried[key[1]]}
            assert found_values[key] == made_up[asked.fill]
    if starts:
        assert starts[-1] == floor(now, period, zone).astimezone(UTC)
