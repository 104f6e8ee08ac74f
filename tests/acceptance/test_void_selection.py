"""Voiding all samples of a selection: counted first, at once or as a job."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.access import ok, with_new_key
from tests.acceptance.reading import aggregate, allow_units, at, query, submit
from tests.acceptance.talk import refused
from tests.conftest import Service, run_refresh_jobs

URL = "/api/metrics/void"


def void(api: httpx2.Client, metric: str, **fields: Any) -> httpx2.Response:
    return api.post(URL, json={"metric_name": metric, "reason": "Test orders", **fields})


def values(api: httpx2.Client, metric: str) -> list[float]:
    return sorted(row["value"] for row in query(api, metric, limit=1000)["data"])


def day_of(moment: datetime) -> dict[str, str]:
    return dict.fromkeys(("start_date", "end_date"), str(moment.date()))


def test_a_selection_is_counted_and_then_voided(service: Service, metric: str) -> None:
    api = service.client
    moment = datetime.now(UTC).replace(hour=12, minute=0) - timedelta(days=20)
    shop = {"service_name": "shop", "metadata": {"method": "pix"}}
    submit(
        api,
        metric,
        at(moment, 0.1, **shop),
        at(moment, 0.2, **shop),
        at(moment, 4.0, service_name="app"),
        at(moment - timedelta(days=1), 8.0, **shop),
        at(moment, 16.0, frequency="daily", service_name="shop"),
    )
    run_refresh_jobs(service.database_url)
    chosen = {"service_name": "shop", "frequency": "hourly", **day_of(moment)}
    counted = void(api, metric, dry_run=True, **chosen)
    assert counted.json() == {"success": True, "count": 2, "sum": 0.3}
    assert len(values(api, metric)) == 5
    assert void(api, metric, **chosen).json() == counted.json()
    assert values(api, metric) == [4.0, 8.0, 16.0]
    rows = aggregate(api, metric, period="month", aggregation="sum", **day_of(moment))["data"]
    assert sum(row["value"] for row in rows) in (20.0, 28.0)
    voided = ok(api.get("/api/metrics/voids", params={"metric_name": metric}))
    assert sorted(row["value"] for row in voided) == [0.1, 0.2]
    assert {row["reason"] for row in voided} == {"Test orders"}
    assert void(api, metric, **chosen).json() == {"success": True, "count": 0, "sum": 0.0}
    (entry,) = ok(api.get("/api/audit", params={"target": f"metric:{metric}"}))
    assert (entry["action"], entry["after"]["count"], entry["after"]["sum"]) == (
        "samples.void",
        2,
        0.3,
    )
    assert entry["after"]["filters"]["service_name"] == "shop"


def test_dimensions_are_filters_and_other_fields_are_none(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {"value": 1.0})
    ok(api.patch(f"/api/metrics/catalog/{metric}", json={"dimensions": ["method"]}))
    submit(api, metric, {"value": 2.0, "metadata": {"method": "pix"}})
    assert void(api, metric, method="pix").json()["count"] == 1
    assert values(api, metric) == [1.0]
    for wrong in ({"methods": "pix"}, {"method": 5}, {"servce_name": "shop"}):
        (name,) = wrong
        error = refused(void(api, metric, **wrong), 422)
        assert [one["field"] for one in error["details"]] == [name]
    refused(api.post(URL, json={"reason": "Everything"}), 422)
    refused(api.post(URL, json={"metric_name": metric}), 422)
    refused(void(api, metric, start_date="2026-02-02", end_date="2026-01-01"), 422)
    refused(void(api, f"{metric}x"), 404)
    assert values(api, metric) == [1.0]


def test_of_several_units_there_is_no_sum(api: httpx2.Client, metric: str) -> None:
    submit(api, metric, {"value": 1.0, "unit": "BRL"})
    allow_units(api, metric, "BRL", "USD")
    submit(api, metric, {"value": 2.0, "unit": "USD"})
    assert void(api, metric, dry_run=True).json()["sum"] is None
    assert void(api, metric, unit="USD").json() == {"success": True, "count": 1, "sum": 2.0}
    assert values(api, metric) == [1.0]


def test_of_several_units_only_one_in_the_range_there_is_a_sum(
    api: httpx2.Client, metric: str
) -> None:
    now = datetime.now(UTC)
    submit(api, metric, at(now - timedelta(days=20), 1.0, unit="BRL"))
    allow_units(api, metric, "BRL", "USD")
    submit(api, metric, at(now - timedelta(days=2), 2.0, unit="USD"))
    since = (now - timedelta(days=5)).isoformat()
    counted = void(api, metric, dry_run=True, start_date=since)
    assert counted.json() == {"success": True, "count": 1, "sum": 2.0}


def test_a_service_account_voids_its_own_samples_alone(api: httpx2.Client, metric: str) -> None:
    submit(
        api, metric, {"value": 1.0, "service_name": "shop"}, {"value": 2.0, "service_name": "app"}
    )
    with with_new_key(api, "writer", service_name="shop") as shop:
        assert void(shop, metric, service_name="app").json()["count"] == 0
        assert void(shop, metric).json() == {"success": True, "count": 1, "sum": 1.0}
    assert values(api, metric) == [2.0]


def test_where_some_are_too_old_nothing_is_voided(service: Service, metric: str) -> None:
    api = service.client
    (number,) = submit(api, metric, {"value": 1.0, "frequency": "real_time"})
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "INSERT INTO fature.sample_real_time (ts, id, series_id, value) "
            "SELECT now() - interval '6 days 12 hours', 1000000000000 + id, series_id, 2.0 "
            "FROM fature.sample_real_time WHERE id = %s",
            [number],
        )
    message = refused(void(api, metric), 409)["message"]
    assert message.startswith("Some are too old: real_time samples are corrected up to 5 d")
    assert values(api, metric) == [1.0, 2.0]
    since = message.rpartition(" ")[2]
    assert void(api, metric, start_date=since).json()["count"] == 1
    assert values(api, metric) == [2.0]


@pytest.fixture
def many(service: Service, metric: str) -> str:
    """A metric with 100,500 samples of two frequencies, materialised."""
    submit(service.client, metric, {"value": 1.0}, {"value": 1.0, "frequency": "daily"})
    with psycopg.connect(service.database_url) as conn:
        for frequency, count, step in (("hourly", 100_000, "10 s"), ("daily", 498, "1 day")):
            conn.execute(
                f"""
                INSERT INTO fature.sample_{frequency} (ts, id, series_id, value)
                SELECT now() - interval '70 days' * (%(step)s = '10 s')::int
                - n * %(step)s::interval, b.first_id + n, x.series_id, 1
                FROM generate_series(1, %(count)s) AS n
                CROSS JOIN (
                    SELECT series_id FROM fature.series
                    WHERE metric_name = %(metric)s AND frequency = %(frequency)s
                ) AS x
                CROSS JOIN LATERAL (SELECT 10^13::bigint * x.series_id AS first_id) AS b
                """.encode(),
                {"step": step, "count": count, "metric": metric, "frequency": frequency},
            )
    return metric


def test_very_many_are_voided_by_a_job_that_says_how_far_it_is(service: Service, many: str) -> None:
    api = service.client
    run_refresh_jobs(service.database_url)
    answer = void(api, many)
    assert answer.status_code == 202, answer.text
    assert (answer.json()["count"], answer.json()["sum"]) == (100_500, 100_500.0)
    job = answer.json()["data"]
    deadline = time.monotonic() + 60
    while job["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.2)
        job = ok(api.get(f"{URL}/{job['id']}"))
        assert 0 <= job["done"] <= job["count"] == 100_500
    assert (job["status"], job["done"]) == ("done", 100_500)
    assert values(api, many) == []
    for period in ("hour", "month"):
        assert aggregate(api, many, period=period, aggregation="count")["data"] == []
    refused(api.get(f"{URL}/{2**31 - 1}"), 404)
