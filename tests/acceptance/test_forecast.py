"""GET /api/metrics/forecast: of history as it was posted, against the model on the same values."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import numpy as np
import pytest

from alerts.expectation.forecast import forecast
from tests.acceptance.access import with_new_key
from tests.acceptance.talk import refused
from tests.conftest import Service, run_refresh_jobs

PATH = "/api/metrics/forecast"
DAYS = 20


@dataclass(frozen=True)
class Past:
    """A metric with twenty days by hour in two regions, of which RJ is silent by night."""

    metric: str
    start: datetime
    values: dict[str, list[float]]


def value(region: str, hour: int) -> float:
    if region == "RJ" and hour % 24 < 6:
        return 0.0
    shape = 1 + 0.5 * math.sin(2 * math.pi * hour / 24)
    return round((100 if region == "SP" else 10) * shape + hour % 7, 2)


@pytest.fixture
def past(service: Service, api: httpx2.Client, metric: str) -> Past:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(days=DAYS)
    hours = range(DAYS * 24)
    values = {region: [value(region, hour) for hour in hours] for region in ("SP", "RJ")}
    samples = [
        {
            "metric_name": metric,
            "metric_type": "revenue",
            "unit": "BRL",
            "frequency": "hourly",
            "region": region,
            "value": number,
            "timestamp": (start + timedelta(hours=hour)).isoformat(),
        }
        for region, numbers in values.items()
        for hour, number in enumerate(numbers)
        if number
    ]
    for first in range(0, len(samples), 1000):
        body = {"metrics": samples[first : first + 1000]}
        api.post("/api/metrics/batch", json=body).raise_for_status()
    # They may be late.
    run_refresh_jobs(service.database_url)
    return Past(metric, start, values)


def ask(api: httpx2.Client, metric: str, **params: Any) -> dict[str, Any]:
    answer = api.get(PATH, params={"metric_name": metric, **params})
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


def test_it_is_what_the_model_makes_of_the_history(api: httpx2.Client, past: Past) -> None:
    body = ask(api, past.metric, period="hour", horizon=48)
    total = np.array(past.values["SP"]) + np.array(past.values["RJ"])
    expected = forecast(total, "hour", 48, 0.9)
    assert [row["value"] for row in body["data"]] == pytest.approx(expected.values.tolist())
    assert [row["lower"] for row in body["data"]] == pytest.approx(expected.lower.tolist())
    assert [row["upper"] for row in body["data"]] == pytest.approx(expected.upper.tolist())
    assert body["model"] == expected.model
    assert body["accuracy"]["mase"] == pytest.approx(expected.accuracy.mase)
    assert body["history"] == {
        "periods": DAYS * 24,
        "from": past.start.isoformat().replace("+00:00", "Z"),
    }
    first = body["data"][0]
    start = past.start + timedelta(days=DAYS)
    assert first["start"] == first["period"] == start.isoformat().replace("+00:00", "Z")
    assert (body["unit"], body["aggregation"], body["level"]) == ("BRL", "sum", 0.9)


def test_silence_of_what_adds_up_is_nothing(api: httpx2.Client, past: Past) -> None:
    body = ask(api, past.metric, period="hour", horizon=24, region="RJ")
    # RJ began at six: what came before is no history.
    known = np.array(past.values["RJ"])[6:] if past.values["RJ"][0] == 0 else past.values["RJ"]
    expected = forecast(np.array(known), "hour", 24, 0.9)
    assert [row["value"] for row in body["data"]] == pytest.approx(expected.values.tolist())
    assert all(row["lower"] >= 0 for row in body["data"])


def test_each_group_has_a_forecast_of_its_own(api: httpx2.Client, past: Past) -> None:
    body = ask(api, past.metric, period="hour", horizon=6, group_by="region")
    assert [group["region"] for group in body["groups"]] == ["SP", "RJ"]
    assert body["model"] is None
    for region in ("SP", "RJ"):
        alone = ask(api, past.metric, period="hour", horizon=6, region=region)
        mine = [row["value"] for row in body["data"] if row["region"] == region]
        assert mine == [row["value"] for row in alone["data"]]


def test_the_horizon_is_fourteen_days_unless_one_is_given(api: httpx2.Client, past: Past) -> None:
    assert len(ask(api, past.metric, period="hour")["data"]) == 336


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"period": "month"}, "period"),
        ({"period": "hour", "horizon": 401}, "horizon"),
        ({"period": "hour", "horizon": 0}, "horizon"),
        ({"period": "hour", "level": 1}, "level"),
        ({"period": "hour", "tz": "Asia/Kolkata"}, "tz"),
        ({"period": "hour", "group_by": "colour"}, "group_by"),
        ({"period": "hour", "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(
    api: httpx2.Client, past: Past, params: dict[str, Any], field: str
) -> None:
    answer = api.get(PATH, params={"metric_name": past.metric, **params})
    assert refused(answer, 422)["details"][0]["field"] == field


def test_too_little_history_says_how_much_is_needed(api: httpx2.Client, past: Past) -> None:
    answer = api.get(PATH, params={"metric_name": past.metric, "period": "day"})
    message = refused(answer, 422)["message"]
    assert message == "period: A forecast needs the values of 28 day periods; there are 20"


def test_a_metric_of_others_is_as_unknown_as_one_that_is_not(
    api: httpx2.Client, past: Past
) -> None:
    misspelt = refused(api.get(PATH, params={"metric_name": f"{past.metric}x"}), 404)
    assert past.metric in misspelt["message"]
    refused(api.get(PATH), 422)
    with with_new_key(api, "reader", service_name="another") as theirs:
        answers = [
            refused(theirs.get(PATH, params={"metric_name": name}), 404)["message"]
            for name in (past.metric, f"{past.metric}x")
        ]
    assert answers[0].replace(past.metric, f"{past.metric}x") == answers[1]
