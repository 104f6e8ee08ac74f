"""What was acknowledged survives, whoever is killed; what is retried counts once."""

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from sql.engine import Engine
from tests.conftest import Service, running_service, wait_until_ready
from tests.killable import KillableServer, killable_server, until
from tests.load import (
    Load,
    Submission,
    assert_acknowledged_are_stored_once,
    assert_everything_counts_once,
    loaded,
    stored_samples,
)

ENOUGH = 60


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableServer]:
    """A PostgreSQL that these tests may kill."""
    with killable_server(tmp_path_factory.mktemp(f"killable-{engine}"), engine) as running:
        yield running


@contextmanager
def killed_and_restarted(folder: Path, first: Service, load: Load) -> Iterator[Service]:
    """The service after a `kill -9` under load, on the same port and database."""
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    port = int(first.url.rpartition(":")[2])
    with running_service(folder, first.database_url, port=port) as second:
        load.go_on(ENOUGH)
        yield second


def kill_and_restart(server: KillableServer, service: Service, load: Load) -> None:
    """`kill -9` of PostgreSQL under load; it stays away until a client was told so."""
    refusals = load.refusals
    server.kill()
    load.until_refused(refusals)
    assert service.client.get("/api/health").status_code == 200
    server.start()
    wait_until_ready(service)
    load.go_on(ENOUGH)


def test_acknowledged_samples_survive_a_kill_of_the_service(
    database: str, metric: str, tmp_path: Path
) -> None:
    with (
        running_service(tmp_path, database) as first,
        loaded(first.url, metric) as load,
        killed_and_restarted(tmp_path, first, load),
    ):
        submissions = load.finish()
        assert load.broken_connections > 0
    assert_acknowledged_are_stored_once(database, metric, submissions)


def test_retried_samples_count_once_through_kills_of_the_service(
    database: str, metric: str, tmp_path: Path
) -> None:
    with (
        running_service(tmp_path, database) as first,
        loaded(first.url, metric, retrying=True) as load,
        killed_and_restarted(tmp_path, first, load) as second,
        killed_and_restarted(tmp_path, second, load) as third,
    ):
        submissions = load.finish()
        assert load.broken_connections > 0
        assert_everything_counts_once(third.client, database, metric, submissions)


def test_acknowledged_samples_survive_a_kill_of_postgresql(
    server: KillableServer, metric: str, tmp_path: Path
) -> None:
    database = server.databases.new_database()
    with running_service(tmp_path, database) as service:
        with loaded(service.url, metric) as load:
            kill_and_restart(server, service, load)
            submissions = load.finish()
            assert load.broken_connections == 0
        assert service.process.poll() is None
    assert_acknowledged_are_stored_once(database, metric, submissions)


def test_retried_samples_count_once_through_a_kill_of_postgresql(
    server: KillableServer, metric: str, tmp_path: Path
) -> None:
    database = server.databases.new_database()
    with running_service(tmp_path, database) as service:
        with loaded(service.url, metric, retrying=True) as load:
            kill_and_restart(server, service, load)
            submissions = load.finish()
            assert load.broken_connections == 0
        assert_everything_counts_once(service.client, database, metric, submissions)


def test_a_request_under_way_at_sigterm_is_finished(
    database: str, metric: str, tmp_path: Path
) -> None:
    submission = Submission(0, [149])
    with (
        running_service(tmp_path, database) as service,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database) as conn,
    ):
        conn.execute("LOCK TABLE fature.sample_real_time IN ACCESS EXCLUSIVE MODE")
        answer = pool.submit(service.client.post, "/api/metrics", json=submission.body(metric))
        until(lambda: is_anyone_waiting(conn) or answer.done())
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not is_listening(service))
        assert not answer.done()
        conn.rollback()
        assert answer.result().status_code == 201
        assert service.stop() == 0
    ((_, value),) = stored_samples(database, metric)
    assert value == 149


def is_anyone_waiting(conn: psycopg.Connection) -> bool:
    """Whether a session of this database waits for a lock."""
    statement = """
        SELECT EXISTS(
            SELECT FROM pg_locks WHERE NOT granted AND database = (
                SELECT oid FROM pg_database WHERE datname = current_database()
            )
        )
    """
    return conn.execute(statement).fetchone() == (True,)


def is_listening(service: Service) -> bool:
    """Whether new connections are taken."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(service.url.rpartition(":")[2]))) == 0


def test_sigterm_under_load_stores_exactly_what_was_answered(
    database: str, metric: str, tmp_path: Path
) -> None:
    with running_service(tmp_path, database) as service, loaded(service.url, metric) as load:
        load.go_on(ENOUGH)
        assert service.stop(signal.SIGTERM) == 0
        submissions = load.finish()
    assert_acknowledged_are_stored_once(database, metric, submissions)
    answered = {id_ for submission in submissions for id_ in submission.ids}
    assert {id_ for id_, _ in stored_samples(database, metric)} == answered
