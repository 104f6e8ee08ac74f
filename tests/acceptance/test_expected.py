"""What was expected of figures, as the API tells it: against the model on the same values."""

import math
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx2
import numpy as np
import psycopg
import pytest

from alerts.expectation.fitting import History, walk
from service.runtime.settings import Settings
from tests.acceptance.talk import refused
from tests.acceptance.test_web_explore import specs_of
from tests.acceptance.web import signed_in, text_of
from tests.conftest import Service, run_refresh_jobs

DAYS = 35
OUTAGE = 33 * 24 + 14


@dataclass(frozen=True)
class Past:
    """A metric with 35 days by hour in two regions; two days ago both had an outage."""

    metric: str
    start: datetime
    values: dict[str, list[float]]

    @property
    def total(self) -> list[float]:
        return [sum(pair) for pair in zip(*self.values.values(), strict=True)]

    def at(self, hour: int) -> str:
        return (self.start + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")


def posted(service: Service, metric: str, values: dict[str, list[float]], start: datetime) -> None:
    """Submit them, and have them count, as they may be late."""
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
    ]
    for first in range(0, len(samples), 1000):
        body = {"metrics": samples[first : first + 1000]}
        service.client.post("/api/metrics/batch", json=body).raise_for_status()
    run_refresh_jobs(service.database_url)


@pytest.fixture(scope="module")
def past(service: Service) -> Past:
    chance = np.random.default_rng(7)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=DAYS)
    values = {}
    for region, size in (("SP", 1000), ("RJ", 300)):
        noise = np.exp(chance.normal(0, 0.05, DAYS * 24))
        shape = [1.2 + math.sin(2 * math.pi * (hour - 9) / 24) for hour in range(DAYS * 24)]
        made = np.round(size * np.array(shape) * noise, 2)
        made[OUTAGE : OUTAGE + 3] = np.round(made[OUTAGE : OUTAGE + 3] * 0.2, 2)
        values[region] = made.tolist()
    metric = f"sales_{secrets.token_hex(6)}"
    posted(service, metric, values, start)
    return Past(metric, start, values)


def ask(api: httpx2.Client, path: str, metric: str, **params: Any) -> dict[str, Any]:
    answer = api.get(f"/api/metrics/{path}", params={"metric_name": metric, **params})
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


def walked(past: Past, values: list[float]) -> Any:
    starts = [past.start + timedelta(hours=hour) for hour in range(len(values))]
    made = walk(History("hour", ZoneInfo("UTC"), starts, values))
    assert made is not None
    return made


def test_rows_say_what_was_expected_before_they_began(api: httpx2.Client, past: Past) -> None:
    body = ask(api, "aggregate", past.metric, period="hour", expected="true")
    rows = body["data"]
    made = walked(past, past.total)
    lower, upper = made.band(0.9)
    for name, values in (("expected", made.expected), ("lower", lower), ("upper", upper)):
        told = [math.nan if row[name] is None else row[name] for row in rows]
        assert told == pytest.approx(values.tolist(), nan_ok=True)
    assert rows[0]["expected"] is None
    late = [row for row in rows if row["start"] >= past.at(20 * 24)]
    covered = [row["lower"] <= row["value"] <= row["upper"] for row in late]
    assert sum(covered) / len(covered) > 0.8


def test_an_outage_is_unusual_and_little_else(api: httpx2.Client, past: Past) -> None:
    body = ask(api, "anomalies", past.metric, period="hour")
    assert (body["sensitivity"], body["unit"], body["aggregation"]) == ("medium", "BRL", "sum")
    found = {row["start"]: row for row in body["data"]}
    first = found[past.at(OUTAGE)]
    assert first["direction"] == "below"
    assert first["value"] == pytest.approx(past.total[OUTAGE])
    assert first["value"] < first["lower"] < first["expected"] < first["upper"]
    assert first["score"] > 3.1
    late = [at for at in found if past.at(28 * 24) <= at < past.at(DAYS * 24)]
    assert len([at for at in late if not past.at(OUTAGE) <= at < past.at(OUTAGE + 5)]) <= 2


def test_silence_of_what_adds_up_is_unusual(api: httpx2.Client, past: Past) -> None:
    rows = ask(api, "anomalies", past.metric, period="hour", start_date=past.at(DAYS * 24))["data"]
    over = int((datetime.now(UTC) - past.start).total_seconds() // 3600) - DAYS * 24
    assert len(rows) >= over - 2
    assert {(row["value"], row["direction"]) for row in rows} <= {(0, "below")}


def test_what_is_found_grows_with_the_sensitivity(api: httpx2.Client, past: Past) -> None:
    found = [
        {
            row["start"]
            for row in ask(api, "anomalies", past.metric, period="hour", sensitivity=one)["data"]
        }
        for one in ("low", "medium", "high")
    ]
    assert found[0] <= found[1] <= found[2]
    assert past.at(OUTAGE) in found[0]


def test_groups_are_judged_by_what_is_usual_for_each(api: httpx2.Client, past: Past) -> None:
    rows = ask(api, "anomalies", past.metric, period="hour", group_by="region")["data"]
    assert {row["region"] for row in rows if row["start"] == past.at(OUTAGE)} == {"SP", "RJ"}
    alone = ask(api, "anomalies", past.metric, period="hour", region="RJ")["data"]
    mine = [row for row in rows if row["region"] == "RJ"]
    assert [row["start"] for row in mine] == [row["start"] for row in alone]


def test_days_are_expected_as_well_and_csv_has_it(api: httpx2.Client, past: Past) -> None:
    rows = ask(api, "aggregate", past.metric, period="day", expected="true")["data"]
    assert rows[-1]["lower"] <= rows[-1]["expected"] <= rows[-1]["upper"]
    params = {"metric_name": past.metric, "period": "day", "expected": "true"}
    answer = api.get("/api/metrics/aggregate", params=params, headers={"Accept": "text/csv"})
    header, *lines = answer.text.splitlines()
    assert header.endswith("complete,expected,lower,upper,completeness")
    assert len(lines) == len(rows)


def test_a_region_that_does_not_report_makes_hours_incomplete(
    service: Service, api: httpx2.Client, metric: str, past: Past
) -> None:
    values = {"SP": past.values["SP"], "RJ": past.values["RJ"][: DAYS * 24 - 5]}
    posted(service, metric, values, past.start)
    rows = ask(api, "aggregate", metric, period="hour", expected="true")["data"]
    assert [row["completeness"] for row in rows[:24]] == [None] * 24
    assert [row["completeness"] for row in rows[-12:]] == [1.0] * 7 + [0.5] * 5
    days = ask(api, "aggregate", metric, period="day", expected="true")["data"]
    assert days[-2]["completeness"] == 1.0
    assert days[-1]["completeness"] == pytest.approx(43 / 48)


def test_it_is_kept_for_every_process_and_for_analysts(
    api: httpx2.Client, service: Service, past: Past
) -> None:
    ask(api, "aggregate", past.metric, period="hour", expected="true")
    with psycopg.connect(service.database_url) as conn:
        rows = conn.execute(
            """
            SELECT bucket, expected, lower, upper, unit, filters FROM analytics.expected_hour
            WHERE metric_name = %s AND filters = '{}' ORDER BY bucket
            """,
            [past.metric],
        ).fetchall()
    today = past.start + timedelta(days=DAYS)
    told = [row[1] for row in rows if row[0] < today]
    made = walked(past, past.total).expected
    assert told == pytest.approx(made[np.isfinite(made)].tolist())
    assert len([row for row in rows if row[0] >= today]) == 48
    assert rows[-1][4:] == ("BRL", {})


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("aggregate", {"period": "minute", "expected": "true"}, "period"),
        ("anomalies", {"sensitivity": "extreme"}, "sensitivity"),
        ("anomalies", {"group_by": "colour"}, "group_by"),
        ("anomalies", {"start_date": "2026-02-02", "end_date": "2026-02-01"}, "end_date"),
        ("aggregate", {"expected": "perhaps"}, "expected"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(
    api: httpx2.Client, past: Past, path: str, params: dict[str, str], field: str
) -> None:
    answer = api.get(f"/api/metrics/{path}", params={"metric_name": past.metric, **params})
    assert refused(answer, 422)["details"][0]["field"] == field


def test_minutes_are_weighed_against_those_before(
    service: Service, api: httpx2.Client, metric: str
) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    samples = [
        {
            "metric_name": metric,
            "metric_type": "performance",
            "frequency": "real_time",
            "value": 900 if back == 5 else 50 + back % 3,
            "timestamp": (minute - timedelta(minutes=back)).isoformat(),
        }
        for back in range(400, 0, -1)
    ]
    api.post("/api/metrics/batch", json={"metrics": samples}).raise_for_status()
    run_refresh_jobs(service.database_url)
    (row,) = ask(api, "anomalies", metric, period="minute")["data"]
    assert (row["value"], row["direction"]) == (900, "above")
    assert row["expected"] == pytest.approx(51, abs=1)


def test_too_many_groups_are_refused(service: Service, api: httpx2.Client, metric: str) -> None:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    posted(service, metric, {f"r{number}": [1.0] for number in range(21)}, start)
    params = {"metric_name": metric, "period": "hour", "group_by": "region"}
    answer = api.get("/api/metrics/anomalies", params=params)
    assert "21" in refused(answer, 422)["message"]


def test_one_sample_is_neither_usual_nor_unusual(
    service: Service, api: httpx2.Client, metric: str
) -> None:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    posted(service, metric, {"SP": [5.0]}, start)
    assert ask(api, "anomalies", metric, period="hour")["data"] == []
    (row,) = ask(api, "aggregate", metric, period="hour", expected="true")["data"]
    assert (row["expected"], row["lower"], row["upper"]) == (None, None, None)


def test_holidays_are_those_of_a_country_that_there_is() -> None:
    assert Settings(holidays="BR-SP").holidays == "BR-SP"
    with pytest.raises(ValueError, match="BR or BR-SP"):
        Settings(holidays="brazil")


def test_the_explorer_draws_what_is_usual_and_says_what_was_not(
    api: httpx2.Client, past: Past
) -> None:
    day = (past.start + timedelta(hours=OUTAGE)).date().isoformat()
    asked = {"metric_name": past.metric, "period": "hour", "start_date": day, "end_date": day}
    body = ask(api, "aggregate", past.metric, **{**asked, "expected": "true"})
    with signed_in(api) as web:
        page = web.get("/explore", params=asked)
        said = text_of(web.get("/explore", params=asked, headers={"Accept-Language": "pt-BR"}))
    (spec,) = specs_of(page)
    assert spec["band"]["lower"] == [row["lower"] for row in body["data"]]
    assert spec["band"]["upper"] == [row["upper"] for row in body["data"]]
    at = int((past.start + timedelta(hours=OUTAGE)).timestamp())
    assert at in [spot["at"] for spot in spec["spots"]]
    assert "Unusually low: about" in text_of(page)
    assert "fora do habitual" in said


def test_groups_side_by_side_have_no_band(api: httpx2.Client, past: Past) -> None:
    params = {"metric_name": past.metric, "period": "hour", "group_by": "region"}
    with signed_in(api) as web:
        (spec,) = specs_of(web.get("/explore", params=params))
    assert spec["band"] is None
    assert spec["spots"] == []
