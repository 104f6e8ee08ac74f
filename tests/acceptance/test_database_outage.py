"""The service while its database is away: it says so, and recovers by itself."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import httpx2
import psycopg
import pytest

from sql.engine import Engine
from tests.acceptance.talk import refused
from tests.conftest import Service, free_port, running_service, wait_until_ready
from tests.instances import fails_clearly
from tests.killable import KillableServer, killable_server, until
from tests.load import (
    assert_acknowledged_are_stored_once,
    assert_everything_counts_once,
    loaded,
)

pytestmark = pytest.mark.one_engine

OUTAGE_SECONDS = 30

SAMPLE = {
    "metric_name": "orders_shipped",
    "metric_type": "revenue",
    "value": 149.9,
    "unit": "BRL",
    "frequency": "hourly",
}
REPORT = {"service_name": "payment-service", "status": "healthy"}
NAMED = {"metric_name": "orders_shipped"}

WRITES: dict[str, dict[str, Any]] = {
    "POST /api/metrics": {"json": SAMPLE},
    "POST /api/metrics/batch": {"json": {"metrics": [SAMPLE, SAMPLE]}},
    "POST /api/services/health": {"json": REPORT},
    "PATCH /api/metrics/catalog/orders_shipped": {"json": {"description": "Sent off"}},
}
READS: dict[str, dict[str, Any]] = {
    "GET /api/metrics/query": {"params": NAMED},
    "GET /api/metrics/aggregate": {"params": NAMED},
    "GET /api/metrics/catalog": {},
    "GET /api/services/health": {},
    "GET /api/services/payment-service/health": {},
}
PROBES: dict[str, dict[str, Any]] = {"GET /api/health": {}, "GET /api/ready": {}}
REQUESTS = WRITES | READS | PROBES

Answers = dict[str, httpx2.Response]


def ask_everything(client: httpx2.Client) -> Answers:
    """Every request at once, as each may wait for the database."""

    def ask(request: str) -> httpx2.Response:
        method, path = request.split()
        return client.request(method, path, **REQUESTS[request])

    with ThreadPoolExecutor(len(REQUESTS)) as pool:
        return dict(zip(REQUESTS, pool.map(ask, REQUESTS), strict=True))


def statuses(answers: Answers) -> dict[str, int]:
    return {request: answer.status_code for request, answer in answers.items()}


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableServer]:
    """A PostgreSQL that these tests may stop."""
    with killable_server(tmp_path_factory.mktemp(f"killable-{engine}"), engine) as running:
        yield running


@dataclass
class Outage:
    """Answers of one service before, during and after an outage of its database."""

    before: Answers
    during: Answers
    first_read_after: httpx2.Response
    after: Answers
    process_is_the_same: bool


@pytest.fixture(scope="module")
def lasting(server: KillableServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that outlives what happens to its database."""
    folder = tmp_path_factory.mktemp("lasting")
    with running_service(folder, server.databases.new_database()) as running:
        yield running


@pytest.fixture(scope="module")
def outage(server: KillableServer, lasting: Service) -> Outage:
    client = lasting.client
    client.post("/api/metrics", json=SAMPLE).raise_for_status()
    client.post("/api/services/health", json=REPORT).raise_for_status()
    before = ask_everything(client)
    server.stop()
    time.sleep(1)  # as long as an aggregate may be answered from memory
    during = ask_everything(client)
    server.start()
    first_read = client.get("/api/metrics/query", params=NAMED)
    wait_until_ready(lasting)
    after = ask_everything(client)
    return Outage(before, during, first_read, after, lasting.process.poll() is None)


def test_without_an_outage_every_request_succeeds(outage: Outage) -> None:
    assert set(statuses(outage.before).values()) <= {200, 201}


def test_during_an_outage_the_service_is_alive_but_not_ready(outage: Outage) -> None:
    assert outage.during["GET /api/health"].status_code == 200
    assert outage.during["GET /api/health"].json()["status"] == "healthy"
    error = refused(outage.during["GET /api/ready"], 503)
    assert error["message"] == "The database is away"


@pytest.mark.parametrize("request_", [*WRITES, *READS])
def test_during_an_outage_each_request_is_told_when_to_try_again(
    outage: Outage, request_: str
) -> None:
    answer = outage.during[request_]
    refused(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_after_an_outage_the_first_read_is_answered(outage: Outage) -> None:
    assert outage.first_read_after.status_code == 200
    assert outage.first_read_after.json()["data"][-1]["value"] == 149.9


def test_after_an_outage_everything_works_without_a_restart(outage: Outage) -> None:
    assert statuses(outage.after) == statuses(outage.before)
    assert outage.process_is_the_same


def test_after_a_crash_of_the_database_the_first_read_is_answered(lasting: Service) -> None:
    """However many connections of the service are dead, and whichever it picks first."""
    have_many_connections(lasting)
    crash_and_recover(lasting.database_url)
    assert lasting.client.get("/api/metrics/query", params=NAMED).status_code == 200
    assert lasting.client.post("/api/metrics", json=SAMPLE).status_code == 201
    assert lasting.process.poll() is None


def have_many_connections(service: Service) -> None:
    """Ask so much at once that the service opens more of them."""
    sessions = "SELECT count(*) >= 8 FROM pg_stat_activity WHERE datname = current_database()"

    def read(_: int) -> int:
        return service.client.get("/api/metrics/catalog").status_code

    with (
        ThreadPoolExecutor(20) as pool,
        psycopg.connect(service.database_url, autocommit=True) as conn,
    ):
        until(lambda: set(pool.map(read, range(40))) == {200} and has(conn, sessions))


def has(conn: psycopg.Connection, statement: LiteralString) -> bool:
    return conn.execute(statement).fetchone() == (True,)


def crash_and_recover(database_url: str) -> None:
    """Kill one session: PostgreSQL then ends all of them, and recovers by itself."""
    with closing(psycopg.connect(database_url, autocommit=True)) as conn:
        others = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        pids = [pid for (pid,) in conn.execute(others) if pid != conn.info.backend_pid]
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT pg_sleep(60)")
    until(lambda: accepts_connections(database_url))


def accepts_connections(database_url: str) -> bool:
    try:
        psycopg.connect(database_url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_long_outage_under_load_loses_nothing_acknowledged(
    server: KillableServer, lasting: Service, metric: str
) -> None:
    """Every request is answered within the time its client waits for it; those that were told
    to try again succeed in the end, and count once.
    """
    retried = f"{metric}_retried"
    with (
        loaded(lasting.url, metric) as load,
        loaded(lasting.url, retried, retrying=True) as retrying,
    ):
        server.stop()
        load.until_refused(0)
        until(lambda: lasting.client.get("/api/ready").status_code == 503)
        time.sleep(OUTAGE_SECONDS)
        refusals = load.refusals
        load.until_refused(refusals)  # the clients are still there, and still answered
        server.start()
        wait_until_ready(lasting)
        load.go_on(60)
        retrying.go_on(60)
        submitted, submitted_again_and_again = load.finish(), retrying.finish()
    assert retrying.refusals > 0
    assert (load.broken_connections, retrying.broken_connections) == (0, 0)
    assert_acknowledged_are_stored_once(lasting.database_url, metric, submitted)
    assert_everything_counts_once(lasting, retried, submitted_again_and_again)
    assert lasting.process.poll() is None


def test_sigterm_during_an_outage_stops_cleanly(
    server: KillableServer, metric: str, tmp_path: Path
) -> None:
    database = server.databases.new_database()
    with running_service(tmp_path, database) as service, loaded(service.url, metric) as load:
        server.stop()
        try:
            load.until_refused(0)
            assert service.stop(signal.SIGTERM) == 0
            submissions = load.finish()
        finally:
            server.start()
    assert_acknowledged_are_stored_once(database, metric, submissions)


def test_a_start_without_a_database_fails_with_the_reason(tmp_path: Path) -> None:
    nowhere = free_port()
    fails_clearly(
        "connection failed",
        f"port {nowhere}",
        FATURE_DATABASE_URL=f"postgresql://owner:pass-word@127.0.0.1:{nowhere}/fature",
        FATURE_DATA_DIR=str(tmp_path),
        FATURE_PORT=str(free_port()),
    )
