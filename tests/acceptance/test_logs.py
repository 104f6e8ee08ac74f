"""Log lines of a request: one JSON object a line, tied together by an id."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.talk import BATCH, accepted, sample
from tests.clients import http_client
from tests.conftest import Service
from tests.killable import until

pytestmark = pytest.mark.one_engine

ALWAYS = {"timestamp", "level", "service", "event"}


def lines(service: Service, request_id: str) -> list[dict[str, Any]]:
    """The lines of one request."""
    written = [json.loads(x) for x in service.log.read_text().splitlines() if x.startswith("{")]
    assert all(line.keys() >= ALWAYS for line in written)
    return [line for line in written if line.get("request_id") == request_id]


def test_each_recorded_request_is_logged_with_its_count(service: Service, metric: str) -> None:
    batch = {"metrics": [sample(metric)] * 3}
    answer = service.client.post(BATCH, json=batch, headers={"Idempotency-Key": metric})
    accepted(answer)
    (line,) = lines(service, answer.headers["X-Request-ID"])
    assert (line["event"], line["count"], line["replayed"]) == ("metric_recorded", 3, False)
    assert line["level"] == "info"
    again = service.client.post(BATCH, json=batch, headers={"Idempotency-Key": metric})
    (line,) = lines(service, again.headers["X-Request-ID"])
    assert (line["count"], line["replayed"]) == (3, True)


def test_a_slow_statement_is_logged_with_its_name_and_time(service: Service, metric: str) -> None:
    def ask() -> httpx2.Response:
        with http_client(service.url, headers=service.client.headers) as client:
            path = "/api/metrics/aggregate"
            return client.get(path, params={"metric_name": metric}, timeout=30)

    accepted(service.client.post("/api/metrics", json=sample(metric)))
    waits = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(service.database_url) as conn:
        conn.execute("LOCK TABLE fature.series IN ACCESS EXCLUSIVE MODE")
        asked = pool.submit(ask)
        until(lambda: conn.execute(waits).fetchone() == (True,))
        time.sleep(0.3)
        conn.rollback()
        answer = asked.result()
    assert answer.status_code == 200
    slow = [x for x in lines(service, answer.headers["X-Request-ID"]) if x["event"] == "SLOW_QUERY"]
    assert [line["query"] for line in slow] == ["series_ungrouped"]
    assert slow[0]["duration_ms"] > 250
    assert slow[0]["level"] == "warning"
