"""Today's figure against the same time last week."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.metrics.catalog import MetricEntry
from service.metrics.query.fill import Point
from service.metrics.query.result import Result
from service.metrics.query.spec import aggregate_query
from service.metrics.query.totals import combine
from service.overview.today import Today, spans_of, today
from sql.scope import Scope
from sql.vocabulary import Aggregation

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MIDNIGHT = datetime(2025, 6, 18, 3, tzinfo=UTC)
WEEK = timedelta(days=7)


def hours(start: datetime, *values: float, samples: int = 1) -> list[Point]:
    return [
        Point(start + timedelta(hours=n), 0, value, value * samples, samples)
        for n, value in enumerate(values)
    ]


def figure(
    *given: Point,
    aggregation: Aggregation = "sum",
    at: float = 2.5,
    midnight: datetime = MIDNIGHT,
    zone: ZoneInfo = SAO_PAULO,
) -> Today:
    now = midnight + timedelta(hours=at)
    metric = MetricEntry("revenue")
    query = aggregate_query(metric, Scope(), zone, aggregation=aggregation, period="hour")
    result = Result(query, now, "BRL", [()], [1], given, [], [])
    spans = spans_of(now, zone)
    return today(result, spans, [(combine(result, span) or {}).get(()) for span in spans])


def test_the_hour_under_way_counts_today_but_is_compared_with_nothing() -> None:
    found = figure(*hours(MIDNIGHT - WEEK, 10, 10, 999), *hours(MIDNIGHT, 11, 11, 3))
    assert found.value == 25
    assert found.change == pytest.approx(0.1)
    assert found.until == MIDNIGHT + timedelta(hours=2)


def test_the_day_is_that_of_the_business() -> None:
    yesterday = hours(MIDNIGHT - timedelta(hours=1), 100)
    assert figure(*yesterday, *hours(MIDNIGHT, 1)).value == 1


def test_just_after_midnight_there_is_nothing_to_compare() -> None:
    found = figure(*hours(MIDNIGHT - WEEK, 10), *hours(MIDNIGHT, 1), at=0.5)
    assert (found.value, found.change) == (1, None)


@pytest.mark.parametrize("last_week", [[], [0, 0]])
def test_against_nothing_there_is_no_change(last_week: list[float]) -> None:
    assert figure(*hours(MIDNIGHT - WEEK, *last_week), *hours(MIDNIGHT, 5, 5)).change is None


def test_without_samples_there_is_no_figure() -> None:
    found = figure()
    assert (found.value, found.change) == (None, None)
    assert list(found.hours) == [None] * 24


def test_a_level_is_compared_hour_with_hour() -> None:
    last = hours(MIDNIGHT - WEEK, 50, 100, 1)
    found = figure(*last, *hours(MIDNIGHT, 60, 120, 130), aggregation="last")
    assert found.value == 130
    assert found.change == pytest.approx(0.2)


def test_an_average_weighs_hours_by_their_samples() -> None:
    given = hours(MIDNIGHT, 10, samples=9) + hours(MIDNIGHT + timedelta(hours=1), 20, samples=1)
    assert figure(*given, aggregation="avg").value == 11


def test_where_the_clock_changed_in_between_the_time_of_day_counts() -> None:
    zone = ZoneInfo("Europe/Lisbon")
    # Summer time began on 30 March: midnight is an hour earlier in UTC now.
    midnight = datetime(2025, 3, 31, 23, tzinfo=UTC)
    last = hours(datetime(2025, 3, 25, 0, tzinfo=UTC), 2, 2, 50)
    found = figure(*last, *hours(midnight, 3, 3), midnight=midnight, zone=zone)
    assert found.change == pytest.approx(0.5)


def test_the_line_beside_it_is_of_the_last_24_hours_that_are_over() -> None:
    found = figure(*hours(MIDNIGHT, 1, 2, 3))
    assert list(found.hours) == [None] * 22 + [1, 2]
