"""Relabels: figures follow at every level, also of samples that were dropped; later samples, too;
and a person who is erased is nowhere any more.
"""

import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg import sql

from sql.vocabulary import LEVELS
from tests.acceptance.access import new_tenant, ok, with_new_key
from tests.acceptance.reading import aggregate, at, query, submit
from tests.acceptance.talk import ONE, accepted, places, refused, sample
from tests.acceptance.test_access_table import RULE
from tests.conftest import Service, run_refresh_jobs

NOON = (datetime.now(UTC) - timedelta(days=20)).replace(hour=12, minute=0, second=0, microsecond=0)

# Of which nobody else has samples.
OLD = NOON - timedelta(days=60)


@pytest.fixture
def admin(service: Service) -> Iterator[httpx2.Client]:
    """An admin of a tenant of its own, whose labels are nobody else's."""
    with new_tenant(service.client, f"relabel-{secrets.token_hex(4)}") as client:
        yield client


def relabel(client: httpx2.Client, label: str, before: str, to: str | None, **more: Any) -> Any:
    body = {"label": label, "from": before, "to": to, "reason": "One spelling", **more}
    return client.post("/api/metrics/relabel", json=body)


def done(answer: httpx2.Response) -> tuple[int, int, int]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["series"], body["merged"], body["samples"]


def buckets(service: Service, metric: str, level: str) -> list[tuple[Any, ...]]:
    """Region, sum, count, least, most and last of each bucket over SQL."""
    with psycopg.connect(service.database_url) as conn:
        statement = sql.SQL(
            "SELECT region, sum_value::float8, sample_count, min_value, max_value, last_value "
            "FROM {} WHERE metric_name = %s ORDER BY bucket, region NULLS LAST"
        ).format(sql.Identifier("analytics", f"metric_{level}"))
        return conn.execute(statement, [metric]).fetchall()


def by_region(client: httpx2.Client, metric: str) -> list[tuple[str | None, float]]:
    rows = aggregate(client, metric, group_by="region")["data"]
    return [(row["region"], row["value"]) for row in rows]


def test_a_value_is_another_in_past_and_future(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    submit(admin, metric, at(NOON, 1.0, region="Sao Paulo"), at(NOON, 2.0, region="RJ"))
    run_refresh_jobs(service.database_url)
    counted = relabel(admin, "region", "Sao Paulo", "SP", metric_name=metric, dry_run=True)
    assert done(counted) == (1, 0, 1)
    assert by_region(admin, metric) == [("RJ", 2.0), ("Sao Paulo", 1.0)]
    assert done(relabel(admin, "region", "Sao Paulo", "SP", metric_name=metric)) == (1, 0, 1)
    for level in LEVELS["hourly"]:
        assert buckets(service, metric, level) == [
            ("RJ", 2.0, 1, 2.0, 2.0, 2.0),
            ("SP", 1.0, 1, 1.0, 1.0, 1.0),
        ]
    submit(admin, metric, at(NOON, 5.0, region=" Sao Paulo "), at(NOON, 6.0, region="SP"))
    run_refresh_jobs(service.database_url)
    assert by_region(admin, metric) == [("RJ", 2.0), ("SP", 12.0)]
    # Of other metrics it stays what it is.
    submit(admin, f"{metric}_2", at(NOON, 7.0, region="Sao Paulo"))
    run_refresh_jobs(service.database_url)
    assert by_region(admin, f"{metric}_2") == [("Sao Paulo", 7.0)]


def to_columns(service: Service) -> None:
    """The chunks of hourly samples of three weeks ago, where there are any."""
    if service.client.get("/api/health").json()["engine"] == "plain":
        return
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        chunks = conn.execute(
            "SELECT show_chunks('fature.sample_hourly', older_than => now() - interval '10 days')"
        ).fetchall()
        for (chunk,) in chunks:
            conn.execute("CALL convert_to_columnstore(%s, if_not_columnstore => true)", [chunk])


def test_a_series_becomes_part_of_one_that_has_those_labels(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    submit(
        admin,
        metric,
        at(NOON, 1.0, region="Sao Paulo"),
        at(NOON + timedelta(minutes=1), 9.0, region="SP"),
        at(NOON + timedelta(minutes=2), 4.0, region="Sao Paulo"),
        at(NOON + timedelta(days=1), 3.0, region="Sao Paulo"),
    )
    run_refresh_jobs(service.database_url)
    to_columns(service)
    voided = query(admin, metric, order="asc")["data"][0]["id"]
    ok(admin.post(f"/api/metrics/{voided}/void", json={"reason": "A typo"}))
    assert done(relabel(admin, "region", "Sao Paulo", "SP")) == (1, 1, 2)
    expected = [("SP", 13.0, 2, 4.0, 9.0, 4.0), ("SP", 3.0, 1, 3.0, 3.0, 3.0)]
    for _ in ("at once", "by every policy"):
        assert buckets(service, metric, "hour") == buckets(service, metric, "day") == expected
        assert by_region(admin, metric) == [("SP", 13.0), ("SP", 3.0)]
        run_refresh_jobs(service.database_url)
    voids = ok(admin.get("/api/metrics/voids", params={"metric_name": metric}))
    assert [one["region"] for one in voids] == ["SP"]
    (entry,) = [
        one for one in ok(admin.get("/api/metrics/catalog")) if one["metric_name"] == metric
    ]
    assert entry["series"] == 1


def test_figures_that_outlived_their_samples_follow(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    """Only TimescaleDB has such figures: on the plain engine there is nothing left of them."""
    if service.client.get("/api/health").json()["engine"] == "plain":
        return
    submit(
        admin,
        metric,
        at(OLD, 1.0, region="Sao Paulo"),
        at(OLD, 9.0, region="SP"),
        at(OLD + timedelta(days=1), 3.0, region="Sao Paulo"),
    )
    run_refresh_jobs(service.database_url)
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        # As retention does: what is materialised stays.
        conn.execute(
            "SELECT drop_chunks('fature.sample_hourly', older_than => now() - interval '50 days')"
        )
    assert query(admin, metric)["data"] == []
    assert done(relabel(admin, "region", "Sao Paulo", "SP")) == (1, 1, 0)
    for level in ("hour", "day"):
        assert [row[:5] for row in buckets(service, metric, level)] == [
            ("SP", 10.0, 2, 1.0, 9.0),
            ("SP", 3.0, 1, 3.0, 3.0),
        ]
    assert by_region(admin, metric) == [("SP", 10.0), ("SP", 3.0)]


def test_a_person_who_is_erased_is_nowhere_any_more(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    person = f"maria-{secrets.token_hex(6)}"
    tags = {"affiliate_id": person, "metadata": {"affiliate_id": person, "order": "A-1"}}
    numbers = submit(admin, metric, at(NOON, 1.0, **tags), at(NOON, 2.0, **tags))
    other = f"{metric}_2"
    submit(admin, other, at(NOON, 4.0, affiliate_id=person), at(NOON, 8.0))
    ok(admin.post(f"/api/metrics/{numbers[0]}/void", json={"reason": "A typo"}))
    selection = {"metric_name": other, "affiliate_id": person, "reason": "Twice"}
    assert admin.post("/api/metrics/void", json=selection).json()["count"] == 1
    submit(admin, other, at(NOON, 4.0, affiliate_id=person))
    tenant = _with_alerts(service, metric, person)
    ok(admin.put(f"/api/labels/affiliate_id/{person}", json={"name": "Maria da Silva"}))
    silence = {
        "group": {"affiliate_id": person},
        "ends_at": (NOON + timedelta(days=40)).isoformat(),
    }
    ok(admin.post("/api/alerts/silences", json=silence))
    # Another name of the same person is stored as this one.
    assert done(relabel(admin, "affiliate_id", "mariah", person)) == (0, 0, 0)
    assert done(relabel(admin, "affiliate_id", person, None)) == (2, 1, 2)
    assert [line for line in _everything(service, tenant).splitlines() if person in line] == []
    assert aggregate(admin, other, group_by="affiliate_id")["data"][0]["affiliate_id"] is None
    # What comes later, also of a series that was never there.
    submit(admin, metric, at(NOON, 1.0, affiliate_id=person, region="SP"))
    submit(admin, metric, at(NOON, 1.0, affiliate_id=person))
    assert {row["affiliate_id"] for row in query(admin, metric)["data"]} == {None}
    assert person not in _everything(service, tenant)
    entry, _ = ok(admin.get("/api/audit", params={"action": "metrics.relabel"}))
    assert entry["after"]["reason"] == "One spelling"
    assert (entry["after"]["series"], entry["after"]["affiliate_id"]) == (2, None)


def _with_alerts(service: Service, metric: str, person: str) -> str:
    """The tenant of a metric, with an event of that person's group."""
    with psycopg.connect(service.database_url) as conn:
        row = conn.execute(
            "SELECT tenant FROM fature.metric WHERE metric_name = %s", [metric]
        ).fetchone()
        assert row is not None
        rule = conn.execute(
            "INSERT INTO fature.alert_rule (tenant, rule_name, metric_name, condition, "
            "threshold_value, severity, affiliate_id) "
            "VALUES (%s, 'r', %s, '>', 1, 'low', %s) RETURNING rule_id",
            [row[0], metric, person],
        ).fetchone()
        assert rule is not None
        group = json.dumps({"affiliate_id": person})
        conn.execute(
            "INSERT INTO fature.alert_state (rule_id, group_labels, version, state) "
            "VALUES (%s, %s, 1, '{}')",
            [rule[0], group],
        )
        conn.execute(
            "INSERT INTO fature.expectation (selection_key, tenant, metric_name, aggregation, "
            "period, zone, filters, dimensions, profile, valid_from, fitted_at, asked_at) "
            "VALUES (%s, %s, %s, 'sum', 'day', 'UTC', %s, '{}', '{}', now(), now(), now())",
            [f"{metric} of {person}", row[0], metric, group],
        )
        conn.execute(
            "INSERT INTO fature.target (tenant, name, metric_name, affiliate_id, period, value, "
            "direction, created_by, updated_by) "
            "VALUES (%s, 't', %s, %s, 'day', 1, 'at_least', 'user:1', 'user:1')",
            [row[0], metric, person],
        )
        for labels in (group, json.dumps({"affiliate_id": None})):
            conn.execute(
                "INSERT INTO fature.alert_event (tenant, rule_id, rule_name, metric_name, "
                "condition, threshold_value, severity, aggregation, window_name, opened_at, "
                "group_labels) VALUES (%s, %s, 'r', %s, '>', 1, 'low', 'sum', 'day', now(), %s)",
                [row[0], rule[0], metric, labels],
            )
    return str(row[0])


def _everything(service: Service, tenant: str) -> str:
    """All rows of the schema as text, but those of other tenants."""
    found = []
    with psycopg.connect(service.database_url) as conn:
        tables = conn.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') "
            "AND relnamespace = 'fature'::regnamespace AND relname <> 'reader'"
        ).fetchall()
        for (table,) in tables:
            statement = sql.SQL("SELECT coalesce(string_agg(t::text, ' '), '') FROM {} AS t")
            row = conn.execute(statement.format(sql.Identifier("fature", table))).fetchone()
            assert row is not None
            found.append(f"{table}: {row[0]}\n")
    text = "".join(found)
    assert tenant in text
    return text


def test_a_dimension_is_relabelled_with_the_metadata_it_is_of(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    def paid(value: float, method: str) -> dict[str, Any]:
        return at(NOON, value, metadata={"method": method, "order": "A-1"})

    submit(admin, metric, at(NOON, 0.5))
    ok(admin.patch(f"/api/metrics/catalog/{metric}", json={"dimensions": ["method"]}))
    submit(admin, metric, paid(1.0, "PIX"), paid(2.0, "pix"), paid(4.0, "card"))
    assert done(relabel(admin, "method", "PIX", "pix", metric_name=metric)) == (1, 1, 1)
    submit(admin, metric, paid(8.0, "PIX"))
    run_refresh_jobs(service.database_url)
    rows = aggregate(admin, metric, group_by="method")["data"]
    assert {row["method"]: row["value"] for row in rows} == {"card": 4.0, "pix": 11.0, None: 0.5}
    methods = [(row["metadata"] or {}).get("method") for row in query(admin, metric)["data"]]
    assert sorted(map(str, methods)) == ["None", "card", "pix", "pix", "pix"]


def test_a_later_relabel_goes_back(service: Service, admin: httpx2.Client, metric: str) -> None:
    submit(admin, metric, at(NOON, 1.0, region="A"))
    for before, to in (("A", "B"), ("B", "C"), ("C", "A")):
        assert done(relabel(admin, "region", before, to)) == (1, 0, 1)
    for region in "ABC":
        submit(admin, metric, at(NOON, 1.0, region=region))
    run_refresh_jobs(service.database_url)
    assert by_region(admin, metric) == [("A", 4.0)]


def test_samples_on_their_way_to_a_merged_series_arrive(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    submit(admin, metric, at(NOON, 1.0, region="A"), at(NOON, 2.0, region="B"))
    assert done(relabel(admin, "region", "A", "B")) == (1, 1, 1)
    with psycopg.connect(service.database_url) as conn:
        # As a process does that had its series before.
        conn.execute(
            "INSERT INTO fature.sample_hourly (ts, id, series_id, value) "
            "SELECT %s, 1, m.series_id, 4 FROM fature.merged_series AS m "
            "JOIN fature.series AS s ON m.into_id = s.series_id WHERE s.metric_name = %s",
            [NOON, metric],
        )
    for _ in range(300):
        if by_region(admin, metric) == [("B", 7.0)]:
            break
        time.sleep(0.1)
    else:
        pytest.fail(str(by_region(admin, metric)))


def test_what_is_closed_is_not_relabelled(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    submit(admin, metric, at(NOON, 1.0, region="A"))
    run_refresh_jobs(service.database_url)
    body = {"until": NOON.date().isoformat(), "metric_type": "revenue"}
    ok(admin.post("/api/periods/close", json=body))
    for more in ({}, {"dry_run": True}):
        error = refused(relabel(admin, "region", "A", "B", **more), 409)
        assert "revenue is closed until" in error["message"]
    assert by_region(admin, metric) == [("A", 1.0)]
    submit(admin, metric, at(NOON + timedelta(days=1), 1.0, region="C"))
    assert done(relabel(admin, "region", "C", "D")) == (1, 0, 1)


def test_a_service_account_relabels_its_own(
    service: Service, admin: httpx2.Client, metric: str
) -> None:
    with with_new_key(admin, "writer", service_name="shop") as shop:
        accepted(shop.post(ONE, json=sample(metric, **at(NOON, 1.0, region="A"))))
        submit(admin, metric, at(NOON, 2.0, region="A", service_name="app"))
        watched = {**RULE, "rule_name": "Low", "metric_name": metric, "region": "A"}
        rule = ok(admin.post("/api/alerts/rules", json=watched))
        error = refused(relabel(shop, "service_name", "shop", "app"), 422)
        assert places(error) == [(None, "label")]
        assert done(relabel(shop, "region", "A", "B")) == (1, 0, 1)
        accepted(shop.post(ONE, json=sample(metric, **at(NOON, 4.0, region="A"))))
        submit(admin, metric, at(NOON, 8.0, region="A", service_name="app"))
        # It watches all services.
        assert ok(admin.get(f"/api/alerts/rules/{rule['id']}"))["region"] == "A"
    run_refresh_jobs(service.database_url)
    assert by_region(admin, metric) == [("A", 10.0), ("B", 5.0)]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"label": "unit"}, "label"),
        ({"label": "colour"}, "label"),
        ({"to": "A"}, "to"),
        ({"to": "(none)"}, "to"),
        ({"from": " "}, "from"),
        ({"reason": ""}, "reason"),
        ({"why": "x"}, "why"),
    ],
)
def test_what_cannot_be_relabelled_is_said(
    admin: httpx2.Client, metric: str, fields: dict[str, str], place: str
) -> None:
    submit(admin, metric, at(NOON, 1.0, region="A"))
    body = {"label": "region", "from": "A", "to": "B", "reason": "x"} | fields
    assert places(refused(admin.post("/api/metrics/relabel", json=body), 422)) == [(None, place)]
