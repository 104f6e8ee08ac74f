"""The embedded PostgreSQL as a context: there while at least one process uses it."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

import psycopg

from sql.embedded import cluster as clusters
from sql.embedded import control
from sql.embedded.account import server_account
from sql.embedded.cluster import Cluster
from sql.embedded.errors import EmbeddedPostgresError
from sql.embedded.installation import Engine, Installation, find_installation
from sql.embedded.locks import FileLock, exclusive
from sql.embedded.postmaster import started_from

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server: `url` leads to its database as the owner, password included."""

    url: str = field(repr=False)
    installation: Installation


@contextmanager
def embedded_postgres(
    data_dir: Path,
    *,
    postgres_home: Path | None = None,
    engine: Engine = "auto",
    settings: Mapping[str, str] = {},
) -> Iterator[EmbeddedServer]:
    """Runs the server of `data_dir`, created at the first use, for the length of the context.

    Several processes may use one folder at once: the first starts the server, the last stops it.
    A server that runs already is taken as it is; `settings` count at the next start.
    Raises EmbeddedPostgresError.
    """
    home = data_dir.resolve()
    with _permissions_explained():
        home.mkdir(parents=True, exist_ok=True)
        users = FileLock(home / "postgres.users.lock")
    cluster = None
    try:
        # May wait for a process that is just stopping the server: it then is started again.
        users.share()
        with exclusive(_start_lock(home)), _permissions_explained():
            cluster = _open(home, postgres_home, engine)
            server = _run(cluster, engine, settings)
        yield server
    finally:
        try:
            if cluster is not None:
                _leave(cluster, users)
        finally:
            users.close()


def _open(home: Path, postgres_home: Path | None, engine: Engine) -> Cluster:
    installation = find_installation(
        postgres_home=postgres_home, engine=engine, data_version=clusters.data_version(home)
    )
    return Cluster(home, installation, server_account(clusters.pgdata_of(home)))


def _run(cluster: Cluster, engine: Engine, settings: Mapping[str, str]) -> EmbeddedServer:
    if clusters.data_version(cluster.home) is None:
        _log(cluster, "create")
        clusters.create(cluster)
    port = control.wait_until_settled(cluster)
    if port is not None:
        cluster = _as_started(cluster, engine)
        _log(cluster, "adopt")
    else:
        _log(cluster, "start")
        control.start(cluster, settings)
        port = control.wait_until_settled(cluster)
    if port is None:
        raise EmbeddedPostgresError(f"The server ended right after its start: see {cluster.log}.")
    _ensure_database(cluster, port)
    return EmbeddedServer(cluster.url(port), cluster.installation)


def _as_started(cluster: Cluster, engine: Engine) -> Cluster:
    """The cluster with the installation that its running server was started from."""
    folder = started_from(cluster.pgdata)
    if folder is None or folder == cluster.installation.bin.resolve():
        return cluster
    running = find_installation(postgres_home=folder, engine=engine, data_version=None)
    return replace(cluster, installation=running)


def _leave(cluster: Cluster, users: FileLock) -> None:
    with exclusive(_start_lock(cluster.home)):
        users.release()
        if users.try_exclude():
            _log(cluster, "stop")
            control.stop(cluster)


def _ensure_database(cluster: Cluster, port: int) -> None:
    try:
        with psycopg.connect(
            cluster.url(port, "postgres"), autocommit=True, connect_timeout=10
        ) as connection:
            found = connection.execute(_sql("database_exists")).fetchone()
            if found == (False,):
                connection.execute(_sql("create_database"))
    except psycopg.Error as error:
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL on port {port} cannot be used: {error}\nSee {cluster.log}; "
            f"the password is in {cluster.home / 'postgres.password'}."
        ) from error


def _sql(name: str) -> bytes:
    return files("sql.embedded").joinpath(f"{name}.sql").read_bytes()


def _start_lock(home: Path) -> Path:
    return home / "postgres.start.lock"


@contextmanager
def _permissions_explained() -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"No permission for {error.filename}: run this as the user who owns the data folder, "
            "as root with the capability CAP_DAC_OVERRIDE, or choose another FATURE_DATA_DIR."
        ) from error


def _log(cluster: Cluster, step: str) -> None:
    logger.info(
        "embedded PostgreSQL: %s %s, %s",
        step,
        cluster.pgdata,
        cluster.installation.describe(),
        extra={"action": f"embedded_postgres_{step}"},
    )
