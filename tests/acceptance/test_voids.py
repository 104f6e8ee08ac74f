"""Voided and replaced samples: what counts afterwards, at every level, and what is kept."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import psycopg
import pytest
from psycopg import sql

from sql.vocabulary import LEVELS, Frequency
from tests.acceptance.access import new_tenant, ok, with_new_key
from tests.acceptance.reading import aggregate, at, query, submit
from tests.acceptance.talk import ONE, refused, sample
from tests.conftest import Service, run_refresh_jobs

# Far enough back to be materialised in the lowest level.
AGES: dict[Frequency, timedelta] = {
    "real_time": timedelta(days=2),
    "hourly": timedelta(days=30),
    "daily": timedelta(days=200),
    "monthly": timedelta(days=900),
}


def void(client: httpx2.Client, number: int, reason: str = "A typo") -> httpx2.Response:
    return client.post(f"/api/metrics/{number}/void", json={"reason": reason})


def replace(client: httpx2.Client, number: int, value: Any, reason: str = "A typo") -> Any:
    return client.post(f"/api/metrics/{number}/replace", json={"value": value, "reason": reason})


def values_at(
    service: Service, metric: str, frequency: Frequency
) -> dict[str, list[tuple[Any, ...]]]:
    """Sum, count, least, most, first and last of the one bucket of each level, over SQL; and what
    the API answers for them.
    """
    found: dict[str, list[tuple[Any, ...]]] = {}
    with psycopg.connect(service.database_url) as conn:
        for level in LEVELS[frequency]:
            statement = sql.SQL(
                "SELECT sum_value::float8, sample_count, min_value, max_value, first_value, "
                "last_value FROM {} WHERE metric_name = %(metric)s"
            ).format(sql.Identifier("analytics", f"metric_{level}"))
            found[level] = conn.execute(statement, {"metric": metric}).fetchall()
    for level in LEVELS[frequency]:
        answered = []
        for aggregation in ("sum", "count", "min", "max"):
            start = (datetime.now(UTC) - AGES[frequency] - timedelta(days=1)).isoformat()
            answer = aggregate(
                service.client, metric, period=level, aggregation=aggregation, start_date=start
            )
            answered.append([row["value"] for row in answer["data"]])
        buckets = [tuple(row) for row in zip(*answered, strict=True)]
        assert buckets == [row[:4] for row in found[level]], level
    return found


@pytest.mark.parametrize("frequency", AGES)
def test_a_void_counts_nowhere_any_more_also_where_it_was_materialised(
    service: Service, metric: str, frequency: Frequency
) -> None:
    moment = (datetime.now(UTC) - AGES[frequency]).replace(minute=30, second=0, microsecond=0)
    numbers = submit(
        service.client,
        metric,
        *(at(moment, value, frequency=frequency, unit="BRL") for value in (3.4, 3500.0, 3.6)),
    )
    wrong = (3507.0, 3, 3.4, 3500.0, 3.4, 3.6)
    right = (7.0, 2, 3.4, 3.6, 3.4, 3.6)
    levels = LEVELS[frequency]
    run_refresh_jobs(service.database_url)
    assert values_at(service, metric, frequency) == {level: [wrong] for level in levels}
    answer = ok(void(service.client, numbers[1], " Typed 3500 for 3.5 "))
    assert (answer["id"], answer["value"], answer["unit"]) == (numbers[1], 3500.0, "BRL")
    assert answer["reason"] == "Typed 3500 for 3.5"
    for _ in ("at once", "by every policy"):
        assert values_at(service, metric, frequency) == {level: [right] for level in levels}
        run_refresh_jobs(service.database_url)
    assert [row["value"] for row in query(service.client, metric)["data"]] == [3.6, 3.4]
    with psycopg.connect(service.database_url) as conn:
        counted = conn.execute(
            "SELECT value FROM analytics.metrics WHERE metric_name = %s ORDER BY id", [metric]
        ).fetchall()
        kept = conn.execute(
            "SELECT id, value, reason, replaced_by FROM analytics.voids WHERE metric_name = %s",
            [metric],
        ).fetchall()
    assert counted == [(3.4,), (3.6,)]
    assert kept == [(numbers[1], 3500.0, "Typed 3500 for 3.5", None)]


def test_nothing_is_left_where_the_only_sample_is_voided(service: Service, metric: str) -> None:
    moment = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    numbers = [
        submit(service.client, metric, at(moment - timedelta(days=days), 5.0))[0]
        for days in (40, 41)
    ]
    run_refresh_jobs(service.database_url)
    for number in numbers:
        ok(void(service.client, number))
    assert values_at(service, metric, "hourly") == {level: [] for level in LEVELS["hourly"]}
    assert aggregate(service.client, metric)["data"] == []


def test_a_replacement_counts_in_its_place(service: Service, metric: str) -> None:
    moment = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=20)
    first = at(moment, 3500.0, unit="BRL", region="SP", metadata={"order": "A-1", "n": 1.0})
    number, _ = submit(service.client, metric, first, at(moment, 1.5, unit="BRL", region="SP"))
    run_refresh_jobs(service.database_url)
    answer = replace(service.client, number, 3.5, "A slip of the decimal point")
    assert answer.status_code == 200, answer.text
    new = answer.json()["metric_id"]
    assert answer.json() == {"success": True, "metric_id": new, "replaces": number}
    stored = {row["id"]: row for row in query(service.client, metric)["data"]}
    assert stored[new] == stored[new] | {
        "value": 3.5,
        "unit": "BRL",
        "region": "SP",
        "metadata": {"order": "A-1", "n": 1.0},
        "timestamp": moment.isoformat().replace("+00:00", "Z"),
    }
    assert number not in stored
    levels = LEVELS["hourly"]
    expected = dict.fromkeys(levels, (5.0, 2, 1.5, 3.5))
    found = values_at(service, metric, "hourly")
    assert {level: row[:4] for level, (row,) in found.items()} == expected
    (kept,) = ok(service.client.get("/api/metrics/voids", params={"metric_name": metric}))
    assert (kept["id"], kept["replaced_by"], kept["new_value"]) == (number, new, 3.5)
    assert kept["reason"] == "A slip of the decimal point"
    # What stands in its place can be corrected as well.
    assert replace(service.client, new, 3.6).status_code == 200
    assert sum(row["value"] for row in query(service.client, metric)["data"]) == 5.1


def test_the_same_correction_again_changes_nothing_and_another_is_refused(
    api: httpx2.Client, metric: str
) -> None:
    one, other = submit(api, metric, {"value": 1.0}, {"value": 2.0})
    first = ok(void(api, one))
    assert ok(void(api, one)) == first
    error = refused(void(api, one, "Something else"), 409)
    assert error["message"] == f"Sample {one} was voided before, by {first['voided_by']}: A typo"
    refused(replace(api, one, 3.0), 409)
    replaced = replace(api, other, 3.0).json()
    assert replace(api, other, 3.0).json() == replaced
    refused(replace(api, other, 4.0), 409)
    refused(void(api, other), 409)
    assert [row["value"] for row in query(api, metric)["data"]] == [3.0]
    refused(void(api, 2**62), 404)
    refused(void(api, 2**64), 404)


def test_of_those_who_correct_one_sample_at_the_same_time_one_succeeds(
    api: httpx2.Client, metric: str
) -> None:
    number, _ = submit(api, metric, {"value": 1.0}, {"value": 2.0})
    with ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(replace, api, number, 10.0 + n, f"Reason {n}") for n in range(6)]
    answers = [one.result() for one in waiting]
    assert sorted(one.status_code for one in answers) == [200, *[409] * 5]
    found = sorted(row["value"] for row in query(api, metric)["data"])
    assert len(found) == 2
    assert found[0] == 2.0
    assert len(ok(api.get("/api/metrics/voids", params={"metric_name": metric}))) == 1


def test_what_is_sent_again_after_a_void_does_not_count_again(
    api: httpx2.Client, metric: str
) -> None:
    headers = {"Idempotency-Key": metric}
    first = api.post(ONE, json=sample(metric, value=9.0), headers=headers).json()["metric_id"]
    ok(void(api, first))
    again = api.post(ONE, json=sample(metric, value=9.0), headers=headers)
    assert again.json()["metric_id"] == first
    assert query(api, metric)["data"] == []


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("void", {}, "reason"),
        ("void", {"reason": "  "}, "reason"),
        ("void", {"reason": "x" * 1001}, "reason"),
        ("void", {"reason": "a\0b"}, "reason"),
        ("void", {"reason": 5}, "reason"),
        ("void", {"reason": "A typo", "value": 5}, "value"),
        ("replace", {"reason": "A typo"}, "value"),
        ("replace", {"reason": "A typo", "value": "5"}, "value"),
        ("replace", {"reason": "A typo", "value": True}, "value"),
        ("replace", {"value": 5}, "reason"),
    ],
)
def test_what_is_wrong_is_named(
    api: httpx2.Client, metric: str, path: str, body: dict[str, Any], field: str
) -> None:
    (number,) = submit(api, metric, {"value": 1.0})
    error = refused(api.post(f"/api/metrics/{number}/{path}", json=body), 422)
    assert [one["field"] for one in error["details"]] == [field]
    assert len(query(api, metric)["data"]) == 1


def test_a_sample_whose_figures_are_not_computed_any_more_stays(
    service: Service, metric: str
) -> None:
    (number,) = submit(service.client, metric, {"value": 1.0, "frequency": "real_time"})
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "INSERT INTO fature.sample_real_time (ts, id, series_id, value) "
            "SELECT now() - interval '6 days 12 hours', %(other)s, series_id, value "
            "FROM fature.sample_real_time WHERE id = %(id)s",
            {"id": number, "other": number + 10**12},
        )
    error = refused(void(service.client, number + 10**12), 409)
    assert error["message"].startswith("Too old: real_time samples are corrected up to 5 d 22 h")
    assert len(query(service.client, metric)["data"]) == 2


@pytest.fixture(scope="module")
def tenant(service: Service) -> Iterator[httpx2.Client]:
    with new_tenant(service.client, "voids-elsewhere") as client:
        yield client


def test_nobody_corrects_or_sees_what_is_of_others(
    api: httpx2.Client, tenant: httpx2.Client, metric: str
) -> None:
    with (
        with_new_key(api, "writer", service_name="shop") as shop,
        with_new_key(api, "writer", service_name="app") as app,
        with_new_key(api, "writer") as writer,
        with_new_key(api, "reader", service_name="shop") as reader,
    ):
        own, others = submit(
            api,
            metric,
            {"value": 1.0, "service_name": "shop"},
            {"value": 2.0, "service_name": "app"},
        )
        refused(void(shop, others), 404)
        refused(void(tenant, own), 404)
        refused(replace(tenant, own, 5.0), 404)
        refused(void(writer, own), 403)
        refused(void(reader, own), 403)
        ok(void(shop, own))
        assert replace(app, others, 7.0).status_code == 200
        # Nor does anybody learn of them from the refusal of what was voided.
        refused(void(tenant, own), 404)
        refused(void(app, own), 404)

        def seen(client: httpx2.Client) -> set[int]:
            rows = ok(client.get("/api/metrics/voids", params={"metric_name": metric}))
            return {row["id"] for row in rows}

        assert seen(api) == {own, others}
        assert seen(shop) == seen(reader) == {own}
        assert seen(app) == {others}
        assert seen(tenant) == set()
    assert [row["value"] for row in query(api, metric)["data"]] == [7.0]


def test_voids_are_listed_page_by_page_newest_first(api: httpx2.Client, metric: str) -> None:
    numbers = submit(api, metric, *({"value": float(n)} for n in range(5)))
    for number in numbers:
        ok(void(api, number, f"Number {number}"))
    found: list[int] = []
    cursor: str | None = None
    while cursor is not None or not found:
        params: dict[str, Any] = {"metric_name": metric, "limit": 2}
        answer = api.get(
            "/api/metrics/voids", params=params | ({"cursor": cursor} if cursor else {})
        )
        found += [row["id"] for row in ok(answer)]
        cursor = cast("str | None", answer.json()["next_cursor"])
    assert found == numbers[::-1]
    day = str(datetime.now(UTC).date())
    within = {"metric_name": metric, "start_date": day, "end_date": day}
    assert len(ok(api.get("/api/metrics/voids", params=within))) == 5
    late = {"metric_name": metric, "end_date": "2020-01-01"}
    assert ok(api.get("/api/metrics/voids", params=late)) == []
    refused(api.get("/api/metrics/voids", params={"cursor": "x"}), 422)
    refused(api.get("/api/metrics/voids", params={"actor": "x"}), 422)


def test_who_corrected_what_is_in_the_audit_log(api: httpx2.Client, metric: str) -> None:
    one, other = submit(api, metric, {"value": 1.0}, {"value": 2.0})
    ok(void(api, one))
    new = replace(api, other, 2.5).json()["metric_id"]
    (voided,) = ok(api.get("/api/audit", params={"target": f"sample:{one}"}))
    assert (voided["action"], voided["after"]) == ("sample.void", {"reason": "A typo"})
    assert voided["before"]["metric_name"] == metric
    assert voided["before"]["value"] == 1.0
    (replaced,) = ok(api.get("/api/audit", params={"target": f"sample:{other}"}))
    assert replaced["action"] == "sample.replace"
    assert replaced["after"] == {"reason": "A typo", "value": 2.5, "replaced_by": new}


def test_exports_follow(api: httpx2.Client, metric: str) -> None:
    one, _ = submit(api, metric, {"value": 1.0}, {"value": 2.0})
    ok(void(api, one))
    for path, params in (("query", {}), ("aggregate", {"period": "day"})):
        answer = api.get(
            f"/api/metrics/{path}",
            params={"metric_name": metric, **params},
            headers={"Accept": "text/csv"},
        )
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [float(row["value"]) for row in rows] == [2.0]
