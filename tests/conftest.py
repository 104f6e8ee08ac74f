"""Real servers for the tests: PostgreSQL for each engine, and the service over HTTP.

Everything marked with the `engine` fixture runs once for each engine that is available:
`plain` always, `timescale` where a local PostgreSQL has TimescaleDB.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import httpx2
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

from retention.apply import reconcile
from retention.policies import parse_keep
from sql.embedded import embedded_postgres
from sql.engine import Engine
from sql.migrator import migrate
from tests import forks
from tests.clients import http_client
from tests.clock import wait_out
from tests.engines import engines_of, in_words
from tests.forks import Process

ROOT = Path(__file__).parent.parent
ADMIN_KEY = "test-admin-key-0123456789"

# Nothing of a server of the tests outlives its machine: it need not wait for the disk.
FORGETFUL = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
}

# A database is a thousand files: in memory it is made in a tenth of the time. Where there are fewer
# bytes free, as in a container, it is made on the disk.
MEMORY = Path("/dev/shm")
LEAST_MEMORY = 8 * 2**30


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engines``: see tests/engines.py."""
    parser.addoption(
        "--engines",
        choices=["all", "each", "plain", "timescale"],
        default="all",
        help="each: tests marked one_engine run once; all: on every engine; or one engine alone",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Markers of tests."""
    config.addinivalue_line("markers", "one_engine: whatever the engine, the subject is the same")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which engines are tested, at the top."""
    return in_words(config)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """And again at the end, where it is read."""
    for line in in_words(config):
        terminalreporter.write_line(line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run of a test for each engine."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", engines_of(metafunc), scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of the folder that takes longest begin first, the quick ones fill the end."""
    folders = ["browser", "deploy", "acceptance", "integration", "unit"]
    places = {folder: place for place, folder in enumerate(folders)}
    # Those of clients are as quick as the last.
    items.sort(key=lambda item: places.get(item.path.parent.name, len(folders)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as cores, as some tests wait most of their time."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """No day ends between what a test says of today and what it asks about today."""
    for zone in ("UTC", "America/Sao_Paulo"):
        wait_out("day", ZoneInfo(zone))


@dataclass
class DatabaseServer:
    """A PostgreSQL of the tests' own; `url` is its maintenance database, as its owner."""

    engine: Engine
    url: str
    templates: dict[str, str] = field(default_factory=dict)
    _kept: psycopg.Connection[TupleRow] | None = None

    def new_database(self, timezone: str = "UTC", *, migrated: bool = True) -> str:
        """The URL of a fresh database, migrated and with the declared policies unless told
        otherwise.
        """
        if not migrated:
            return self._create(None)
        if timezone not in self.templates:
            self.templates[timezone] = self._template(timezone)
        return self._create(self.templates[timezone])

    def _template(self, timezone: str) -> str:
        url = self._create(None)
        migrate(url, engine=self.engine, timezone=timezone)
        reconcile(url, self.engine, parse_keep(""), ZoneInfo(timezone), datetime.now(UTC))
        return url.rpartition("/")[2]

    def _create(self, template: str | None) -> str:
        name = f"test_{secrets.token_hex(6)}"
        # Its files are copied, which writes no WAL.
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        return f"{self.url.rpartition('/')[0]}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database of `new_database`, whoever is connected to it."""
        name = url.rpartition("/")[2]
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _execute(self, statement: sql.Composed) -> None:
        """On one connection as long as that lasts: making one takes longer than a database."""
        try:
            self._maintenance().execute(statement)
        except psycopg.OperationalError:
            # The server was restarted meanwhile.
            self.close()
            self._maintenance().execute(statement)

    def _maintenance(self) -> psycopg.Connection[TupleRow]:
        if self._kept is None:
            self._kept = psycopg.connect(self.url, autocommit=True)
        return self._kept

    def close(self) -> None:
        """Let go of the connection that is kept, before the server ends."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None


@pytest.fixture(scope="session")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Engine], DatabaseServer]]:
    """Starts the server of an engine on first use; all are stopped at the end.

    TimescaleDB's scheduler is off: tests run the jobs they are about.
    """
    with ExitStack() as stack:
        running: dict[Engine, DatabaseServer] = {}

        def server(engine: Engine) -> DatabaseServer:
            if engine not in running:
                folder = stack.enter_context(folder_in_memory(tmp_path_factory))
                running[engine] = stack.enter_context(database_server(folder / "data", engine))
            return running[engine]

        yield server


@contextmanager
def folder_in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is plenty of it, on the disk elsewhere; removed at the end."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= LEAST_MEMORY
    parent = MEMORY if in_memory else tmp_path_factory.getbasetemp()
    with TemporaryDirectory(prefix="fature-tests-", dir=parent) as folder:
        yield Path(folder)


@contextmanager
def database_server(
    data_dir: Path, engine: Engine, *, background_workers: int = 0
) -> Iterator[DatabaseServer]:
    """An embedded PostgreSQL for one engine."""
    home = os.environ.get("FATURE_POSTGRES_HOME") if engine == "timescale" else None
    settings = dict(FORGETFUL)
    if engine == "timescale":
        settings["timescaledb.max_background_workers"] = str(background_workers)
    with (
        embedded_postgres(
            data_dir, postgres_home=Path(home) if home else None, engine=engine, settings=settings
        ) as running,
        closing(DatabaseServer(engine, running.url)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def database_of(engine: Engine, servers: Callable[[Engine], DatabaseServer]) -> DatabaseServer:
    """The PostgreSQL of the engine under test."""
    return servers(engine)


@pytest.fixture
def database(database_of: DatabaseServer) -> Iterator[str]:
    """The URL of a fresh, migrated database in UTC; it is gone after the test."""
    url = database_of.new_database()
    yield url
    database_of.drop(url)


@dataclass
class Service:
    """A running service and a client that has its admin key."""

    url: str
    client: httpx2.Client
    database_url: str
    process: Process
    log: Path

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End the process; its exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.exit_code()

    def exit_code(self) -> int:
        """The code with which the process ends, which it was told to."""
        try:
            return self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            end = self.log.read_text()[-3000:]
            raise AssertionError(f"the service does not end; its log: {end}") from None


@contextmanager
def running_service(
    folder: Path, database_url: str, *, port: int | None = None, **settings: str
) -> Iterator[Service]:
    """`python -m service run` on a free port (or `port`), ready; stopped at the end."""
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"service-{secrets.token_hex(3)}.log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
    environment |= {
        "FATURE_DATABASE_URL": database_url,
        "FATURE_DATA_DIR": str(folder),
        "FATURE_PORT": str(port),
        "FATURE_ADMIN_KEY": ADMIN_KEY,
        # The least that is allowed, as many tests sign in.
        "FATURE_PASSWORD_MEMORY": "19",
    }
    environment |= settings
    with log.open("w") as output:
        process = forks.start("run", environment=environment, stdout=output)
    url = f"http://127.0.0.1:{port}"
    client = http_client(url, headers={"X-API-Key": ADMIN_KEY}, timeout=30)
    service = Service(url, client, database_url, process, log)
    try:
        wait_until_ready(service)
        yield service
    finally:
        service.stop()


def wait_until_ready(service: Service, seconds: float = 60) -> None:
    """Until `GET /api/ready` says so; the log if it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and service.process.poll() is None:
        try:
            if service.client.get("/api/ready").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"the service did not become ready:\n{service.log.read_text()[-4000:]}")


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def service(
    engine: Engine, database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service in UTC shared by the session: use metric names of your own."""
    folder = tmp_path_factory.mktemp(f"service-{engine}")
    with running_service(folder, database_of.new_database()) as running:
        yield running


@pytest.fixture
def api(service: Service) -> httpx2.Client:
    """The client of the shared service."""
    return service.client


@pytest.fixture
def metric() -> str:
    """A metric name nobody else uses."""
    return f"metric_{secrets.token_hex(6)}"


def run_refresh_jobs(database_url: str) -> None:
    """The work of TimescaleDB's scheduler: every refresh policy once, lowest level first.

    Does nothing on the plain engine, where there is nothing to refresh.
    """
    with psycopg.connect(database_url, autocommit=True) as conn:
        if not conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
            return
        # A level is created after the one it is computed from; jobs come and go as policies do.
        jobs = conn.execute(
            """
            SELECT job_id
            FROM timescaledb_information.jobs
            WHERE proc_name = 'policy_refresh_continuous_aggregate'
            ORDER BY (config ->> 'mat_hypertable_id')::integer
            """
        ).fetchall()
        for (job,) in jobs:
            conn.execute("CALL run_job(%s)", [job])
