"""Answers while the service or its database is in trouble."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg import sql

from tests.acceptance.talk import BATCH, ONE, accepted, post, refused, sample, stored
from tests.clients import http_client
from tests.conftest import DatabaseServer, Service, running_service

pytestmark = pytest.mark.one_engine

CATALOG = "/api/metrics/catalog/revenue_hourly"
REPORT = "/api/services/health"


@pytest.fixture(scope="module")
def troubled(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service on a database of its own, to which things may be done."""
    with running_service(
        tmp_path_factory.mktemp("troubled"), database_of.new_database()
    ) as service:
        yield service


@contextmanager
def renamed(service: Service, table: str) -> Iterator[None]:
    """While that table is not there."""
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        names = sql.Identifier("fature", table), sql.Identifier(table), sql.Identifier("away")
        conn.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(names[0], names[2]))
        try:
            yield
        finally:
            away = sql.Identifier("fature", "away")
            conn.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(away, names[1]))


@contextmanager
def away(server: DatabaseServer, service: Service) -> Iterator[None]:
    """While the database takes no connections and all it had are cut."""
    name = service.database_url.rpartition("/")[2]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(allow.format(sql.Identifier(name), sql.Literal(False)))
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            conn.execute(allow.format(sql.Identifier(name), sql.Literal(True)))


def test_a_failure_of_the_service_is_json_without_its_reasons(troubled: Service) -> None:
    with renamed(troubled, "service_health"):
        answer = troubled.client.get(REPORT, headers={"X-Request-ID": "failure-1"})
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-ID"] == "failure-1"
    assert answer.json() == {
        "success": False,
        "error": {
            "code": "internal_error",
            "message": "Something went wrong here; it has been logged",
            "details": [],
        },
        "request_id": "failure-1",
    }
    assert troubled.client.get(REPORT).status_code == 200


def test_a_failure_of_the_service_is_in_its_log_with_the_request_id(troubled: Service) -> None:
    with renamed(troubled, "service_health"):
        troubled.client.get(REPORT, headers={"X-Request-ID": "failure-2"})
    lines = [line for line in troubled.log.read_text().splitlines() if "failure-2" in line]
    (failed,) = [line for line in map(json.loads, lines) if line["event"] == "request_failed"]
    assert (failed["level"], failed["path"]) == ("error", REPORT)
    assert "service_health" in failed["exception"]


def test_a_failed_write_is_a_failure_and_stores_nothing(troubled: Service, metric: str) -> None:
    items = [sample(metric, frequency=f) for f in ("real_time", "hourly", "daily")]
    with renamed(troubled, "sample_hourly"):
        answer = troubled.client.post(BATCH, json={"metrics": items})
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal_error"
        assert "sample_hourly" not in answer.text
    assert stored(troubled.client, metric) == []
    accepted(troubled.client.post(BATCH, json={"metrics": items}))
    assert len(stored(troubled.client, metric)) == 3


def test_missing_migrations_make_it_unready(troubled: Service) -> None:
    with psycopg.connect(troubled.database_url, autocommit=True) as conn:
        conn.execute("CREATE TABLE kept AS SELECT * FROM fature.migration")
        conn.execute("DELETE FROM fature.migration WHERE version LIKE '0002%'")
        try:
            answer = troubled.client.get("/api/ready")
        finally:
            conn.execute("INSERT INTO fature.migration SELECT * FROM kept ON CONFLICT DO NOTHING")
            conn.execute("DROP TABLE kept")
    error = refused(answer, 503)
    assert error["message"] == "Migrations are missing: 0002_samples"
    assert answer.headers["Retry-After"] == "1"
    assert troubled.client.get("/api/ready").status_code == 200


def test_while_the_database_is_away_everything_else_is_unavailable(
    troubled: Service, database_of: DatabaseServer, metric: str
) -> None:
    accepted(troubled.client.post(ONE, json=sample(metric)))
    requests = [
        ("GET", "/api/ready", None),
        ("POST", ONE, sample(metric)),
        ("POST", ONE, sample(f"{metric}_new")),
        ("GET", "/api/metrics/query", None),
        ("GET", f"/api/metrics/aggregate?metric_name={metric}", None),
        ("GET", "/api/metrics/catalog", None),
        ("PATCH", CATALOG, {"kind": "flow"}),
        ("GET", REPORT, None),
        ("POST", REPORT, {"service_name": "x", "status": "healthy"}),
        ("GET", "/api/services/x/health", None),
    ]

    def send(request: tuple[str, str, Any]) -> httpx2.Response:
        method, path, body = request
        return troubled.client.request(method, path, json=body)

    with away(database_of, troubled), ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(send, requests))
        assert troubled.client.get("/api/health").status_code == 200
        assert troubled.client.get("/api/openapi.json").status_code == 200
        refused(troubled.client.post(ONE, json={}), 422)
        refused(troubled.client.get("/api/nothing"), 404)
    for answer in answers:
        refused(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1
        assert "connection" not in answer.text
    assert troubled.client.get("/api/ready").status_code == 200
    accepted(troubled.client.post(ONE, json=sample(metric)))
    assert len(stored(troubled.client, metric)) == 2


def test_a_full_queue_is_unavailable_and_what_was_taken_is_stored(
    troubled: Service, metric: str
) -> None:
    """More than the queue holds is sent while the table cannot be written."""
    body = json.dumps({"metrics": [sample(metric)] * 1000}).encode()
    limits = httpx2.Limits(max_connections=None)
    with (
        http_client(
            troubled.url, headers=troubled.client.headers, limits=limits, timeout=60
        ) as client,
        psycopg.connect(troubled.database_url) as blocker,
        ThreadPoolExecutor(130) as pool,
    ):
        accepted(post(client, ONE, json.dumps(sample(metric)).encode()))
        blocker.execute("LOCK TABLE fature.sample_hourly IN EXCLUSIVE MODE")
        sent = [pool.submit(post, client, BATCH, body) for _ in range(130)]
        early = next(as_completed(sent)).result()
        blocker.rollback()
        answers = [future.result() for future in sent]
    assert early.status_code == 503
    taken = [answer for answer in answers if answer.status_code == 201]
    full = [answer for answer in answers if answer.status_code != 201]
    assert len(taken) >= 100
    for answer in full:
        error = refused(answer, 503)
        # The flush that is under way when the table is locked ends in time, or is given up.
        assert error["message"].startswith(
            ("Too many samples wait", "The database did not answer", "The database is away")
        )
        assert int(answer.headers["Retry-After"]) >= 1
    with psycopg.connect(troubled.database_url) as conn:
        (count,) = conn.execute(
            """
            SELECT count(*)
            FROM fature.sample_hourly INNER JOIN fature.series USING (series_id)
            WHERE metric_name = %s
            """,
            [metric],
        ).fetchone() or (None,)
    assert count == 1 + 1000 * len(taken)
