"""Acknowledged samples survive, whoever is killed; retried ones count once."""

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
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


@dataclass
class Aftermath:
    """Submissions of two kinds of clients, those that retry and those that do not, to one
    service while something was killed; `service` is the one that runs by now.
    """

    service: Service
    plain: Load
    retrying: Load
    submitted: list[Submission]
    submitted_again_and_again: list[Submission]


def do_nothing(_: str) -> None:
    """Kill at any moment."""


def aftermath(service: Service, plain: Load, retrying: Load) -> Aftermath:
    """Once everything was answered."""
    return Aftermath(service, plain, retrying, plain.finish(), retrying.finish())


@pytest.fixture(scope="module")
def server(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableServer]:
    """A PostgreSQL that these tests may kill."""
    with killable_server(tmp_path_factory.mktemp(f"killable-{engine}"), engine) as running:
        yield running


@pytest.fixture(scope="module")
def killed_service(
    server: KillableServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aftermath]:
    """After two `kill -9` of the service, each time started again on its port and database;
    once at any moment, once between a commit and its answer.
    """
    folder = tmp_path_factory.mktemp("killed-service")
    with ExitStack() as stack:
        service = stack.enter_context(running_service(folder, server.databases.new_database()))
        port = int(service.url.rpartition(":")[2])
        plain = stack.enter_context(loaded(service.url, "submitted_once"))
        retrying = stack.enter_context(loaded(service.url, "retried", retrying=True))
        for before in (do_nothing, server.hold_confirmations):
            before(service.database_url)
            assert service.stop(signal.SIGKILL) == -signal.SIGKILL
            server.release_confirmations()
            again = running_service(folder, service.database_url, port=port)
            service = stack.enter_context(again)
            plain.go_on(ENOUGH)
            retrying.go_on(ENOUGH)
        yield aftermath(service, plain, retrying)


@pytest.fixture(scope="module")
def killed_postgresql(
    server: KillableServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aftermath]:
    """After a `kill -9` of PostgreSQL between a commit and its confirmation; it stayed away
    until a client was told so.
    """
    folder = tmp_path_factory.mktemp("killed-postgresql")
    with ExitStack() as stack:
        service = stack.enter_context(running_service(folder, server.databases.new_database()))
        plain = stack.enter_context(loaded(service.url, "submitted_once"))
        retrying = stack.enter_context(loaded(service.url, "retried", retrying=True))
        server.hold_confirmations(service.database_url)
        refusals = plain.refusals
        server.kill()
        plain.until_refused(refusals)
        assert service.client.get("/api/health").status_code == 200
        server.start()
        server.release_confirmations()
        wait_until_ready(service)
        plain.go_on(ENOUGH)
        retrying.go_on(ENOUGH)
        yield aftermath(service, plain, retrying)


def test_acknowledged_samples_survive_kills_of_the_service(killed_service: Aftermath) -> None:
    assert killed_service.plain.broken_connections > 0
    database = killed_service.service.database_url
    assert_acknowledged_are_stored_once(database, "submitted_once", killed_service.submitted)


def test_retried_samples_count_once_through_kills_of_the_service(
    killed_service: Aftermath,
) -> None:
    assert killed_service.retrying.broken_connections > 0
    assert killed_service.retrying.replays > 0
    submitted = killed_service.submitted_again_and_again
    assert_everything_counts_once(killed_service.service, "retried", submitted)


def test_acknowledged_samples_survive_a_kill_of_postgresql(killed_postgresql: Aftermath) -> None:
    database = killed_postgresql.service.database_url
    assert_acknowledged_are_stored_once(database, "submitted_once", killed_postgresql.submitted)


def test_retried_samples_count_once_through_a_kill_of_postgresql(
    killed_postgresql: Aftermath,
) -> None:
    assert killed_postgresql.retrying.refusals > 0
    assert killed_postgresql.retrying.replays > 0
    submitted = killed_postgresql.submitted_again_and_again
    assert_everything_counts_once(killed_postgresql.service, "retried", submitted)


def test_the_service_stays_up_through_a_kill_of_postgresql(killed_postgresql: Aftermath) -> None:
    assert killed_postgresql.service.process.poll() is None
    assert killed_postgresql.plain.broken_connections == 0
    assert killed_postgresql.retrying.broken_connections == 0


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
