"""The service while its database is there but silent: connections that a network forgot, a server
that hangs, a disk that is full. Each request is answered while its client still waits.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql

from sql.engine import Engine
from tests.acceptance.talk import accepted, refused, sample
from tests.clients import http_client
from tests.conftest import ADMIN_KEY, Service, running_service
from tests.killable import KillableServer, killable_server, postmaster_pid, until
from tests.load import assert_acknowledged_are_stored_once, loaded
from tests.network import Network, network_to

pytestmark = pytest.mark.one_engine

# What clients of ours wait at most (docs/operations.md has the limits).
PATIENCE = 20


@pytest.fixture(scope="module")
def data_dir(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(f"silent-{engine}")


@pytest.fixture(scope="module")
def server(engine: Engine, data_dir: Path) -> Iterator[KillableServer]:
    """A PostgreSQL that these tests may stop."""
    with killable_server(data_dir, engine) as running:
        yield running


@pytest.fixture
def network(server: KillableServer) -> Iterator[Network]:
    with network_to(server.databases.new_database()) as between:
        yield between


@pytest.fixture
def service(network: Network, tmp_path: Path) -> Iterator[Service]:
    """A service that has warm connections in every pool."""
    with running_service(tmp_path, network.url) as running:
        use(running)
        yield running


@contextmanager
def hanging(data_dir: Path) -> Iterator[None]:
    """Every process of the server stopped: connections are taken and nothing is answered."""
    postmaster = postmaster_pid(data_dir)
    children = subprocess.run(
        ["/usr/bin/pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=True
    )
    pids = [postmaster, *map(int, children.stdout.split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def client_of(service: Service) -> httpx2.Client:
    return http_client(service.url, headers={"X-API-Key": ADMIN_KEY}, timeout=PATIENCE)


def use(service: Service) -> None:
    """A few writes and reads at once."""

    def ask(number: int) -> None:
        with client_of(service) as client:
            accepted(client.post("/api/metrics", json=sample("orders_shipped")))
            for path in ("query", "aggregate"):
                answer = client.get(f"/api/metrics/{path}?metric_name=orders_shipped")
                assert answer.status_code == 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(8)))


def is_ready(service: Service) -> bool:
    return service.client.get("/api/ready").status_code == 200


def test_writes_go_on_where_a_network_forgot_the_connections(
    network: Network, service: Service, metric: str
) -> None:
    with loaded(service.url, metric) as load:
        load.go_on(20)
        network.forget()
        load.go_on(40)
        submissions = load.finish()
    assert load.broken_connections == 0
    assert_acknowledged_are_stored_once(network.url, metric, submissions)
    with client_of(service) as client:
        accepted(client.post("/api/metrics", json=sample(metric)))
        assert client.get(f"/api/metrics/query?metric_name={metric}").status_code == 200


def test_reads_go_on_where_a_network_forgot_the_connections(
    network: Network, service: Service
) -> None:
    network.forget()
    with client_of(service) as client:
        paths = ["/api/metrics/query?metric_name=orders_shipped", "/api/metrics/catalog"] * 8

        def status(path: str) -> int:
            return client.get(path).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(status, paths)) <= {200, 503}
            assert set(pool.map(status, paths)) == {200}


def test_a_hanging_database_is_told_and_waited_for(
    data_dir: Path, network: Network, service: Service
) -> None:
    with hanging(data_dir), client_of(service) as client:
        for _ in range(2):
            answer = client.post("/api/metrics", json=sample("orders_shipped"))
            refused(answer, 503)
            assert int(answer.headers["Retry-After"]) > 0
        for path in ("/api/metrics/query?metric_name=orders_shipped", "/api/ready"):
            refused(client.get(path), 503)
        assert client.get("/api/health").status_code == 200
    until(lambda: is_ready(service))
    use(service)


def test_what_is_unknown_is_said(data_dir: Path, network: Network, service: Service) -> None:
    """The samples were on their way to the database when it fell silent."""
    with client_of(service) as client, ThreadPoolExecutor(1) as pool:
        with psycopg.connect(network.direct) as conn:
            conn.execute("LOCK TABLE fature.sample_hourly IN ACCESS EXCLUSIVE MODE")
            key = {"Idempotency-Key": "one"}
            body = sample("orders_shipped")
            sent = pool.submit(client.post, "/api/metrics", json=body, headers=key)
            until(lambda: _waits_for_lock(conn))
            network.forget()
            error = refused(sent.result(), 503)
        assert error["message"] == (
            "The database did not answer: the samples may or may not have been stored; try again "
            "with the same Idempotency-Key"
        )
        until(lambda: is_ready(service))


def _waits_for_lock(conn: psycopg.Connection) -> bool:
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    return conn.execute(waiting).fetchone() == (True,)


def test_it_is_not_ready_while_samples_wait(network: Network, service: Service) -> None:
    def told() -> str:
        answer = service.client.get("/api/ready")
        return "" if answer.is_success else str(answer.json()["error"]["message"])

    with client_of(service) as client, ThreadPoolExecutor(1) as pool:
        with psycopg.connect(network.direct) as conn:
            conn.execute("LOCK TABLE fature.sample_hourly IN ACCESS EXCLUSIVE MODE")
            sent = pool.submit(client.post, "/api/metrics", json=sample("orders_shipped"))
            until(lambda: told() == "Samples have waited too long for the database")
        sent.result()
    until(lambda: is_ready(service))


def test_sigterm_ends_while_the_database_hangs(
    data_dir: Path, network: Network, service: Service, metric: str
) -> None:
    with loaded(service.url, metric) as load:
        load.go_on(20)
        with hanging(data_dir):
            load.until_refused(0)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(timeout=30) == 0
            load.finish()


def test_a_full_disk_is_told_and_noticed_when_it_has_room_again(
    server: KillableServer, data_dir: Path, tmp_path: Path
) -> None:
    owner = (data_dir / "postgres").stat()
    database = server.databases.new_database()
    with (
        small_disk(tmp_path / "disk", owner) as disk,
        on_disk(server.databases.url, database, disk),
        running_service(tmp_path / "service", database) as service,
    ):
        filler = disk.parent / "filler"
        fill(filler)
        body = {"metrics": [sample("orders_shipped", metadata={"note": "x" * 900})] * 500}
        answers: list[httpx2.Response] = []

        def is_refused() -> bool:
            answers.append(service.client.post("/api/metrics/batch", json=body))
            return answers[-1].status_code != 201

        until(is_refused)
        error = refused(answers[-1], 503)
        assert error["message"] == "The database has no room left; nothing was stored"
        error = refused(service.client.get("/api/ready"), 503)
        assert error["message"] == "The database has no room left"
        filler.unlink()
        assert is_ready(service)
        accepted(service.client.post("/api/metrics", json=sample("orders_shipped")))


@contextmanager
def small_disk(folder: Path, owner: os.stat_result) -> Iterator[Path]:
    """A folder of that owner on a file system of its own, where this user may mount one."""
    folder.mkdir()
    command = ["/bin/mount", "-t", "tmpfs", "-o", "size=100m,mode=755", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        space = folder / "space"
        space.mkdir(mode=0o700)
        os.chown(space, owner.st_uid, owner.st_gid)
        for parent in [*folder.parents][:4]:
            parent.chmod(0o755)
        yield space
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True)


@contextmanager
def on_disk(administration: str, database: str, folder: Path) -> Iterator[None]:
    """With the data of a database in that folder; the database is gone at the end."""
    name = sql.Identifier(database.rpartition("/")[2])
    with psycopg.connect(administration, autocommit=True) as conn:
        location = sql.Literal(str(folder))
        conn.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(location))
        conn.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE small").format(name))
        try:
            yield
        finally:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            conn.execute("DROP TABLESPACE small")


def fill(path: Path) -> None:
    """Until nothing more goes there."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))
