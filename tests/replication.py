"""A streaming replica of a test's own server, which may be paused, stopped and started again."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sql.embedded import embedded_postgres, find_installation
from sql.embedded.account import server_account
from sql.embedded.cluster import pgdata_of
from sql.engine import Engine
from tests.conftest import free_port


class Replica:
    """Of the primary in `primary_dir` at `primary_url`; runs from the start."""

    def __init__(self, data_dir: Path, primary_dir: Path, primary_url: str, engine: Engine) -> None:
        self._data_dir = data_dir
        self._engine = engine
        self._home = os.environ.get("FATURE_POSTGRES_HOME") if engine == "timescale" else None
        self._primary_url = primary_url
        self._port = free_port()
        self._uses = ExitStack()
        self._copy(primary_dir)
        self.start()

    def url_of(self, database_url: str) -> str:
        """Where the copy of a database of the primary is."""
        return make_conninfo(database_url, port=self._port)

    @property
    def name(self) -> str:
        """As the service calls it."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Have it running, on the same port as ever."""
        settings = {"port": str(self._port)}
        if self._engine == "timescale":
            settings["timescaledb.max_background_workers"] = "0"
        self._uses.enter_context(
            embedded_postgres(
                self._data_dir,
                postgres_home=Path(self._home) if self._home else None,
                engine=self._engine,
                settings=settings,
            )
        )

    def stop(self) -> None:
        """Stop it as an operator does."""
        self._uses.close()

    def pause(self) -> None:
        """Receive, but show nothing new."""
        self._execute("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        """Catch up."""
        self._execute("SELECT pg_wal_replay_resume()")

    def promote(self) -> None:
        """Make it a primary of its own, as a failover does."""
        self._execute("SELECT pg_promote()")

    def answered(self, database_url: str) -> int:
        """How many sessions of the service asked it for figures last."""
        statement = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%fature.rollup_%'"
        with psycopg.connect(self.url_of(database_url)) as conn:
            (count,) = conn.execute(statement).fetchone() or (0,)
            # This question has the words in it, too.
            return int(count) - 1

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url_of(self._primary_url), autocommit=True) as conn:
            conn.execute(statement.encode())

    def _copy(self, primary_dir: Path) -> None:
        pgdata = pgdata_of(self._data_dir)
        pgdata.mkdir(mode=0o700, parents=True)
        shutil.copy2(primary_dir / "postgres.password", self._data_dir)
        account = server_account(pgdata)
        found = find_installation(
            postgres_home=Path(self._home) if self._home else None,
            engine=self._engine,
            data_version=None,
        )
        options = ("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast")
        url = make_conninfo(**{k: str(v) for k, v in conninfo_to_dict(self._primary_url).items()})
        command: list[str | Path] = [
            found.bin / "pg_basebackup",
            f"--pgdata={pgdata}",
            f"--dbname={url}",
            *options,
        ]
        ended = account.run(command)
        assert ended.returncode == 0, ended.stderr


@contextmanager
def running_replica(
    data_dir: Path, primary_dir: Path, primary_url: str, engine: Engine
) -> Iterator[Replica]:
    """Running at the start, stopped at the end."""
    replica = Replica(data_dir, primary_dir, primary_url, engine)
    try:
        yield replica
    finally:
        replica.stop()
