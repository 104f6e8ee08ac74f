"""Preparation of a database for pg_restore, and the steps after it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow, dict_row

from sql.connections import liveness
from sql.errors import DatabaseError, translated_errors
from sql.migration_files import FOLDER, migrations_for
from sql.migrator import MigrationError, migrate, status
from sql.statements import query, samples_of
from sql.vocabulary import FREQUENCIES


class CannotRestore(DatabaseError):
    """This database, or whoever logged in, does not fit the backup; nothing was changed."""


def server_major(url: str) -> int:
    """PostgreSQL's major version there."""
    with _session(url) as conn:
        return int(_rows(conn, "server_major")[0]["major"])


def prepare(url: str, owner: str, timescaledb: str | None) -> None:
    """Make an empty database ready to be filled with the backup of `owner` that was made with
    that version of TimescaleDB, if with any.

    Raises:
        CannotRestore: it is not empty, or the backup does not fit.
    """
    with _session(url) as conn:
        _check_empty(conn)
        _check_role(conn, owner, with_timescaledb=timescaledb is not None)
        if timescaledb is not None:
            _check_version(conn, timescaledb)
            version = sql.Literal(timescaledb)
            conn.execute(query("create_timescaledb_version").format(version=version).body)
    _make_roles(url)
    if timescaledb is not None:
        # A connection of its own: the library of another version may have been loaded.
        with _session(url) as conn:
            conn.execute(query("begin_restore").body)


def finish(url: str, *, timescaledb: bool) -> None:
    """Bring what was restored to life, TimescaleDB's jobs held; bring it up to date."""
    if timescaledb:
        with _session(url) as conn, conn.transaction():
            conn.execute(query("end_restore").body)
            conn.execute(query("hold_jobs").body)
    _bring_up_to_date(url)
    with _session(url) as conn:
        conn.execute(query("renew_statistics").body)


def release_jobs(url: str) -> int:
    """Let TimescaleDB's jobs run again; how many were held."""
    with _session(url) as conn:
        has_jobs = any(row["installed"] for row in _rows(conn, "timescaledb_versions"))
        return len(_rows(conn, "release_jobs")) if has_jobs else 0


def restored_samples(url: str) -> dict[str, tuple[int, datetime | None]]:
    """How many samples of each frequency there are, and the newest instant."""
    found: dict[str, tuple[int, datetime | None]] = {}
    with _session(url) as conn:
        for frequency in FREQUENCIES:
            samples = samples_of(frequency)
            (row,) = conn.execute(query("restored_samples").format(samples=samples).body)
            found[frequency] = (row["samples"], row["newest"])
    return found


def _make_roles(url: str) -> None:
    """Those of the cluster, which what is restored is granted to."""
    script = (FOLDER / "repeatable" / "90_roles.sql").read_text(encoding="utf-8")
    with _session(url) as conn:
        conn.execute(script)


def _bring_up_to_date(url: str) -> None:
    """With every repeatable file: what belongs to the database itself, such as who may connect,
    is in no backup.
    """
    found = status(url)
    if found is None:
        raise MigrationError("there is no installation of the service in this backup")
    engine = found.capability.engine
    with _session(url) as conn:
        for migration in migrations_for(engine):
            if migration.repeatable:
                conn.execute(query("forget_migration").body, {"version": migration.version})
    migrate(url, engine=engine, timezone=found.timezone)


def _check_empty(conn: Connection[DictRow]) -> None:
    if found := [row["name"] for row in _rows(conn, "objects_in_the_way")]:
        raise CannotRestore(
            f"this database is not empty ({_some(found)}): a backup is restored into a new one"
        )


def _check_role(conn: Connection[DictRow], owner: str, *, with_timescaledb: bool) -> None:
    (role,) = _rows(conn, "who_restores")
    if role["name"] != owner:
        raise CannotRestore(
            f"this backup belongs to the role {owner}, but FATURE_DATABASE_URL logs in as "
            f"{role['name']}: make that role and use it"
        )
    if with_timescaledb and not role["is_superuser"]:
        raise CannotRestore(
            "TimescaleDB's own tables can only be restored by a superuser: have an administrator "
            f"run ALTER ROLE {owner} SUPERUSER, and take it back afterwards"
        )


def _check_version(conn: Connection[DictRow], wanted: str) -> None:
    rows = _rows(conn, "timescaledb_versions")
    installed = [row["version"] for row in rows if row["installed"]]
    if installed not in ([], [wanted]):
        raise CannotRestore(
            f"the backup was made with TimescaleDB {wanted}, but this database has "
            f"{installed[0]} already: use a database without it"
        )
    if wanted not in (row["version"] for row in rows):
        raise CannotRestore(
            f"the backup was made with TimescaleDB {wanted}, which this server does not have "
            f"({_some([row['version'] for row in rows])}): install that version, restore, and "
            "update the extension afterwards"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (", ".join(sorted(names)[:3]) or "none") + more


def _rows(conn: Connection[DictRow], name: str) -> list[DictRow]:
    return conn.execute(query(name).body).fetchall()


@contextmanager
def _session(url: str) -> Iterator[Connection[DictRow]]:
    with (
        translated_errors(),
        psycopg.connect(url, autocommit=True, row_factory=dict_row, **liveness(url)) as conn,
    ):
        yield conn
