"""Figures compared with those of another system."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.acceptance.access import ok, with_new_key
from tests.acceptance.reading import allow_units, at, submit
from tests.acceptance.talk import refused
from tests.clock import today

URL = "/api/metrics/reconcile"
DAYS = [today() - timedelta(days=age) for age in (3, 2, 1)]
FIRST, SECOND, THIRD = (str(day.date()) for day in DAYS)


def ask(api: httpx2.Client, metric: str, *expected: dict[str, Any], **fields: Any) -> Any:
    body = {"metric_name": metric, "aggregation": "sum", **fields, "expected": expected}
    return api.post(URL, json=body)


def differences(api: httpx2.Client, metric: str, *rows: dict[str, Any], **fields: Any) -> Any:
    answer = ask(api, metric, *rows, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["matching"], answer.json()["differences"]


def difference(period: str, expected: Any, actual: Any, by: Any, **counts: Any) -> dict[str, Any]:
    return {
        "period": period,
        "expected": expected,
        "actual": actual,
        "difference": by,
        "expected_count": counts.get("expected_count"),
        "actual_count": counts["actual_count"],
        "count_difference": counts.get("count_difference"),
    }


@pytest.fixture
def sold(api: httpx2.Client, metric: str) -> str:
    """0.3 on the first day, 1234567.89 on the second, nothing on the third."""
    submit(
        api,
        metric,
        *(at(DAYS[0], value, unit="BRL", region="SP") for value in (0.1, 0.2)),
        at(DAYS[1], 1234567.0, unit="BRL", region="RJ"),
        at(DAYS[1], 0.89, unit="BRL"),
    )
    return metric


def test_what_agrees_is_counted_and_what_differs_is_listed(api: httpx2.Client, sold: str) -> None:
    right = (
        {"period": FIRST, "value": 0.3, "count": 2},
        {"period": SECOND, "value": 1234567.89},
        {"period": THIRD, "value": 0, "count": 0},
    )
    assert differences(api, sold, *right) == (3, [])
    wrong = (
        {"period": FIRST, "value": 0.31, "count": 2},
        {"period": SECOND, "value": 1234567.89, "count": 3},
        {"period": THIRD, "value": 5.5},
    )
    assert differences(api, sold, *wrong) == (
        0,
        [
            difference(
                FIRST, 0.31, 0.3, -0.01, expected_count=2, actual_count=2, count_difference=0
            ),
            difference(
                SECOND,
                1234567.89,
                1234567.89,
                0.0,
                expected_count=3,
                actual_count=2,
                count_difference=-1,
            ),
            difference(THIRD, 5.5, 0.0, -5.5, actual_count=0),
        ],
    )
    # Less than half a cent is none.
    assert differences(api, sold, {"period": FIRST, "value": 0.3049}) == (1, [])


def test_what_the_other_system_lacks_is_listed(api: httpx2.Client, sold: str) -> None:
    ends = ({"period": FIRST, "value": 0.3}, {"period": THIRD, "value": 0})
    missing = difference(SECOND, None, 1234567.89, None, actual_count=2)
    assert differences(api, sold, *ends) == (2, [missing])


def test_groups_and_filters_are_those_of_figures(api: httpx2.Client, sold: str) -> None:
    rows = (
        {"period": FIRST, "region": "SP", "value": 0.3},
        {"period": SECOND, "region": "RJ", "value": 1234567},
        {"period": SECOND, "region": None, "value": 0.9},
    )
    matching, (found,) = differences(api, sold, *rows, group_by=["region"])
    assert matching == 2
    assert (found["region"], found["actual"], found["difference"]) == (None, 0.89, -0.01)
    only = differences(api, sold, {"period": FIRST, "value": 0.3}, region="SP", unit="BRL")
    assert only == (1, [])
    matching, (found,) = differences(api, sold, {"period": FIRST, "value": 0.3}, region="RJ")
    assert (matching, found["actual"]) == (0, 0.0)


def test_every_aggregation_and_period_is_compared(api: httpx2.Client, sold: str) -> None:
    assert differences(api, sold, {"period": FIRST, "value": 0.15}, aggregation="avg") == (1, [])
    none = differences(api, sold, {"period": THIRD, "value": 0.15}, aggregation="avg")
    assert none == (0, [difference(THIRD, 0.15, None, None, actual_count=0)])
    hour = {"period": f"{FIRST}T00:00:00Z", "value": 0.3}
    assert differences(api, sold, hour, period="hour") == (1, [])
    same = {"period": f"{FIRST}T01:00:00+01:00", "value": 0.3}
    assert differences(api, sold, same, period="hour") == (1, [])


def test_of_ratios_millionths_count(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, at(DAYS[0], 0.034))
    row = {"period": FIRST, "value": 0.031}
    # Of money that is no difference.
    assert differences(api, metric, row) == (1, [])
    ok(api.patch(f"/api/metrics/catalog/{metric}", json={"kind": "ratio"}))
    matching, (found,) = differences(api, metric, row, aggregation="avg")
    assert (matching, found["actual"], found["difference"]) == (0, 0.034, 0.003)
    near = {"period": FIRST, "value": 0.0340004}
    assert differences(api, metric, near, aggregation="avg") == (1, [])


def test_what_is_wrong_is_named_by_its_row(api: httpx2.Client, sold: str) -> None:
    good = {"period": FIRST, "value": 1}

    def problems(*rows: dict[str, Any], **fields: Any) -> list[tuple[Any, Any]]:
        error = refused(ask(api, sold, *rows, **fields), 422)
        return [(one.get("index"), one["field"]) for one in error["details"]]

    assert problems(good, {"period": "2026-02-30"}, {"period": "5"}) == [
        (1, "period"),
        (2, "period"),
    ]
    assert problems({"period": "2026-01-06"}, period="week") == [(0, "period")]
    assert problems({"period": f"{FIRST}T00:30:00Z"}, period="hour") == [(0, "period")]
    assert problems(good, good) == [(1, "period")]
    empty = {"period": SECOND, "value": None, "count": None}
    assert problems(good, {"period": SECOND}, empty) == [(1, "value"), (2, "value")]
    assert problems(good, group_by=["region"]) == [(0, "region")]
    assert problems({**good, "region": "SP"}) == [(0, "region")]
    assert problems({**good, "region": 5}, group_by=["region"]) == [(0, "region")]
    assert problems(good, regoin="SP") == [(None, "regoin")]
    assert problems(good, group_by=["nothing"]) == [(None, "group_by")]
    assert problems()[0][1] == "expected"
    refused(ask(api, f"{sold}x", good), 404)


def test_units_are_not_added_up(api: httpx2.Client, sold: str) -> None:
    allow_units(api, sold, "BRL", "USD")
    submit(api, sold, at(DAYS[0], 5.0, unit="USD"))
    error = refused(ask(api, sold, {"period": FIRST, "value": 0.3}), 422)
    assert "USD" in error["message"]
    assert differences(api, sold, {"period": FIRST, "value": 0.3}, unit="BRL") == (1, [])


def test_a_service_account_compares_its_own_figures(api: httpx2.Client, metric: str) -> None:
    submit(
        api,
        metric,
        at(DAYS[0], 1.0, service_name="shop"),
        at(DAYS[0], 2.0, service_name="app"),
    )
    with with_new_key(api, "writer", service_name="shop") as shop:
        assert differences(shop, metric, {"period": FIRST, "value": 1}) == (1, [])
