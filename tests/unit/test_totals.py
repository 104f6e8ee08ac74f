"""Values of a range, combined from those of its periods."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.metrics.catalog import MetricEntry
from service.metrics.query.fill import Point
from service.metrics.query.ranges import Span
from service.metrics.query.result import Result
from service.metrics.query.selection import Group
from service.metrics.query.spec import aggregate_query
from service.metrics.query.totals import combine
from sql.scope import Scope
from sql.vocabulary import Aggregation

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
THREE_DAYS = Span(START, START + 3 * DAY)
SHOP: Group = ("shop",)
APP: Group = ("app",)


def result(aggregation: Aggregation, *points: Point, sizes: tuple[int, int] = (1, 1)) -> Result:
    """Values of two groups, the first of them `SHOP`."""
    metric, zone = MetricEntry("sales"), ZoneInfo("UTC")
    query = aggregate_query(metric, Scope(), zone, aggregation=aggregation, limit=100)
    return Result(query, START + 9 * DAY, "BRL", [SHOP, APP], sizes, points, [], [])


def point(day: int, group: int, value: float, total: float = 0.0, number: int = 1) -> Point:
    """The value of a day."""
    return Point(START + day * DAY, group, value, total, number)


@pytest.mark.parametrize(
    ("aggregation", "right"), [("sum", 0.6), ("count", 0.6), ("min", 0.1), ("max", 0.3)]
)
def test_periods_are_combined_for_each_group(aggregation: Aggregation, right: float) -> None:
    points = [point(0, 0, 0.1), point(0, 1, 7.0), point(1, 0, 0.2), point(2, 0, 0.3)]
    assert combine(result(aggregation, *points), THREE_DAYS) == {SHOP: right, APP: 7.0}


def test_only_periods_that_start_in_the_range_count() -> None:
    points = [point(-1, 0, 100.0), point(0, 0, 1.0), point(2, 0, 2.0), point(3, 0, 100.0)]
    assert combine(result("sum", *points), THREE_DAYS) == {SHOP: 3.0}


def test_a_mean_is_one_of_all_samples() -> None:
    points = [point(0, 0, 10.0, total=90.0, number=9), point(1, 0, 20.0, total=20.0, number=1)]
    assert combine(result("avg", *points), THREE_DAYS) == {SHOP: 11.0}


def test_last_values_are_those_of_the_last_period_where_every_series_has_one() -> None:
    points = [point(0, 0, 9.0, number=1), point(2, 0, 5.0, number=2), point(1, 1, 4.0)]
    assert combine(result("last", *points, sizes=(2, 1)), THREE_DAYS) == {SHOP: 5.0, APP: 4.0}


def test_last_values_are_not_known_where_a_series_is_missing_in_the_last_period() -> None:
    points = [point(0, 0, 9.0, number=2), point(2, 0, 5.0, number=1)]
    assert combine(result("last", *points, sizes=(2, 1)), THREE_DAYS) is None


def test_nothing_is_known_of_what_was_left_out() -> None:
    points = [point(0, number, 1.0) for number in (0, 1) for _ in range(51)]
    assert combine(result("sum", *points), THREE_DAYS) is None
