"""Figures of a range, put together from those of its periods."""

from datetime import UTC, datetime, timedelta

import pytest

from service.http.parameters import AggregateParams
from service.metrics.catalog import MetricEntry
from service.metrics.query.fill import Cell
from service.metrics.query.ranges import Span
from service.metrics.query.result import Answer, Group
from service.metrics.query.spec import ask
from service.metrics.query.totals import added_up
from sql.scope import Scope
from sql.vocabulary import Aggregation

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
THREE_DAYS = Span(START, START + 3 * DAY)
SHOP: Group = ("shop",)
APP: Group = ("app",)


def answer(aggregation: Aggregation, *cells: Cell, sizes: tuple[int, int] = (1, 1)) -> Answer:
    """Figures of two groups, the first of them `SHOP`."""
    given = {"metric_name": "sales", "aggregation": aggregation, "limit": 100}
    params = AggregateParams.model_validate(given)
    question = ask(params, {}, Scope(), MetricEntry(), START.tzinfo)  # type: ignore[arg-type]
    return Answer(question, START + 9 * DAY, "BRL", [SHOP, APP], sizes, cells, [], [])


def cell(day: int, group: int, value: float, total: float = 0.0, of: int = 1) -> Cell:
    """The figure of a day."""
    return Cell(START + day * DAY, group, value, total, of)


@pytest.mark.parametrize(
    ("aggregation", "right"), [("sum", 0.6), ("count", 0.6), ("min", 0.1), ("max", 0.3)]
)
def test_periods_are_added_up_for_each_group(aggregation: Aggregation, right: float) -> None:
    cells = [cell(0, 0, 0.1), cell(0, 1, 7.0), cell(1, 0, 0.2), cell(2, 0, 0.3)]
    assert added_up(answer(aggregation, *cells), THREE_DAYS) == {SHOP: right, APP: 7.0}


def test_only_periods_that_start_in_the_range_count() -> None:
    cells = [cell(-1, 0, 100.0), cell(0, 0, 1.0), cell(2, 0, 2.0), cell(3, 0, 100.0)]
    assert added_up(answer("sum", *cells), THREE_DAYS) == {SHOP: 3.0}


def test_a_mean_is_one_of_all_samples() -> None:
    cells = [cell(0, 0, 10.0, total=90.0, of=9), cell(1, 0, 20.0, total=20.0, of=1)]
    assert added_up(answer("avg", *cells), THREE_DAYS) == {SHOP: 11.0}


def test_last_values_are_those_of_the_last_period_where_every_series_has_one() -> None:
    cells = [cell(0, 0, 9.0, of=1), cell(2, 0, 5.0, of=2), cell(1, 1, 4.0)]
    assert added_up(answer("last", *cells, sizes=(2, 1)), THREE_DAYS) == {SHOP: 5.0, APP: 4.0}


def test_last_values_are_not_known_where_a_series_is_missing_in_the_last_period() -> None:
    cells = [cell(0, 0, 9.0, of=2), cell(2, 0, 5.0, of=1)]
    assert added_up(answer("last", *cells, sizes=(2, 1)), THREE_DAYS) is None


def test_nothing_is_known_of_what_was_left_out() -> None:
    cells = [cell(0, number, 1.0) for number in (0, 1) for _ in range(51)]
    assert added_up(answer("sum", *cells), THREE_DAYS) is None
