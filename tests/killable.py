"""A PostgreSQL of a test's own that may be killed, stopped and started again on its port."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import cast

import psycopg

from sql.embedded import embedded_postgres
from sql.engine import Engine
from tests.conftest import DatabaseServer, free_port

WAITING_COMMITS = """
SELECT bool_or(l.relation = 'fature.idempotency'::regclass)
FROM pg_stat_activity AS a
INNER JOIN pg_locks AS l ON a.pid = l.pid AND l.relation IS NOT NULL
WHERE a.wait_event = 'SyncRep'
"""


class KillableServer:
    """Runs from the start. The URLs of its databases stay good over restarts."""

    def __init__(self, data_dir: Path, engine: Engine) -> None:
        self._data_dir = data_dir
        self._engine = engine
        self._port = free_port()
        self._uses = ExitStack()
        self._databases: DatabaseServer | None = None
        self.start()

    @property
    def databases(self) -> DatabaseServer:
        """Makes databases while it runs."""
        assert self._databases is not None
        return self._databases

    def start(self) -> None:
        """Have it running, on the same port as ever."""
        home = os.environ.get("FATURE_POSTGRES_HOME") if self._engine == "timescale" else None
        settings = {"port": str(self._port)}
        if self._engine == "timescale":
            # Its scheduler would be in the way of databases made from a template.
            settings["timescaledb.max_background_workers"] = "0"
        server = self._uses.enter_context(
            embedded_postgres(
                self._data_dir,
                postgres_home=Path(home) if home else None,
                engine=self._engine,
                settings=settings,
            )
        )
        self._databases = self._databases or DatabaseServer(self._engine, server.url)

    def stop(self) -> None:
        """Stop it as an operator does."""
        self.databases.close()
        self._uses.close()

    def hold_confirmations(self, url: str) -> None:
        """From now on each commit is on disk but not confirmed: it waits for a standby that
        does not exist. Returns once one that belongs to an Idempotency-Key waits.
        """
        with psycopg.connect(url, autocommit=True) as conn:

            def a_key_waits() -> bool | None:
                (found,) = conn.execute(WAITING_COMMITS).fetchone() or (None,)
                return cast("bool | None", found)

            while True:
                conn.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
                conn.execute("SELECT pg_reload_conf()")
                until(lambda: a_key_waits() is not None)
                if a_key_waits():
                    return
                self.release_confirmations()
                until(lambda: a_key_waits() is None)

    def release_confirmations(self) -> None:
        """Commits are confirmed as usual; so are those that wait."""
        with psycopg.connect(self.databases.url, autocommit=True) as conn:
            conn.execute("ALTER SYSTEM RESET synchronous_standby_names")
            conn.execute("SELECT pg_reload_conf()")

    def kill(self) -> None:
        """End every process of it at once, so that nothing more is written."""
        self.databases.close()
        postmaster = postmaster_pid(self._data_dir)
        with closing(psycopg.connect(self.databases.url, autocommit=True)) as conn:
            # Stopped, it starts no further process while the others are looked up.
            os.kill(postmaster, signal.SIGSTOP)
            pids = [pid for (pid,) in conn.execute("SELECT pid FROM pg_stat_activity")]
            for pid in (postmaster, *pids):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not is_running(postmaster))


@contextmanager
def killable_server(data_dir: Path, engine: Engine) -> Iterator[KillableServer]:
    """Running at the start, stopped at the end."""
    server = KillableServer(data_dir, engine)
    try:
        yield server
    finally:
        server.stop()


def postmaster_pid(data_dir: Path) -> int:
    """The process of the server that has run in a data folder."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def is_running(pid: int) -> bool:
    """Whether the process still does anything; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition; fail if it never comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
