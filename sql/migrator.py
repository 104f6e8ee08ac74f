"""Schema migrations: plain SQL files, applied in order, each in one transaction.

The files are psql scripts: ``:'timezone'`` is the business time zone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import psycopg
import sqlparse
import structlog
from psycopg import Connection
from psycopg import sql as pgsql
from psycopg.rows import TupleRow

from sql.connections import liveness
from sql.engine import Capability, Engine, EngineMismatch, EngineSetting, choose, detect
from sql.errors import DatabaseError, DatabaseUnavailable, DataRejected, translated_errors
from sql.migration_files import FOLDER, migrations_for
from sql.statements import query
from sql.timezones import check_whole_hours
from sql.zones import NOTICE, differing, first_difference

_log = structlog.get_logger()


class MigrationError(DatabaseError):
    """A migration failed; the database is as it was before it."""


class NeverMigrated(DatabaseError):
    """No migration ever ran on this database."""

    def __init__(self) -> None:
        super().__init__("this database was never migrated: run `make migrate`")


@dataclass(frozen=True, slots=True)
class MigrationState:
    """A migration and when it was applied to this database, if it was."""

    version: str
    repeatable: bool
    applied_at: datetime | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Status:
    """Engine, time zone and migrations of a database, applied and pending."""

    capability: Capability
    timezone: str
    migrations: list[MigrationState]

    @property
    def pending(self) -> list[str]:
        """Versions that `migrate` would apply."""
        return [m.version for m in self.migrations if m.applied_at is None or m.changed]


def migrate(
    url: str, *, engine: EngineSetting, timezone: str, folder: Path = FOLDER
) -> tuple[Capability, list[str]]:
    """Bring the database up to date; returns its engine and the versions applied.

    Raises:
        EngineMismatch: engine or time zone contradict what the database was set up with.
        MigrationError: a statement failed, a file that was applied has changed since, or
            PostgreSQL does not have the time zone as Python has it.
    """
    check_whole_hours(timezone)
    with session(url) as conn, migration_lock(conn):
        capability = choose(engine, _recorded(conn, timezone), detect(url))
        check_same_zone(conn, timezone, datetime.now(UTC))
        _apply_script(conn, folder / "bootstrap.sql", timezone)
        conn.execute(
            query("record_installation").body, {"engine": capability.engine, "timezone": timezone}
        )
        if capability.engine == "timescale":
            conn.execute(query("create_timescaledb").body)
        return capability, apply_pending(conn, capability.engine, timezone, folder)


def rollback(url: str, *, folder: Path = FOLDER) -> str | None:
    """Undo the newest migration; its version, or None where nothing is applied.

    The objects of repeatable files stand on the tables and go with it; the next
    `migrate` brings them back.
    """
    with session(url) as conn, migration_lock(conn):
        if (recorded := installation(conn)) is None:
            return None
        engine, timezone = recorded
        applied = _applied(conn)
        files = migrations_for(engine, folder)
        newest = next(
            (m for m in reversed(files) if not m.repeatable and m.version in applied), None
        )
        if newest is None:
            return None
        with conn.transaction():
            drop_repeatable_objects(conn, engine, folder)
            assert newest.down is not None
            execute_script(conn, newest.down, timezone)
            forget(conn, newest.version)
        return newest.version


def status(url: str, *, engine: EngineSetting = "auto", folder: Path = FOLDER) -> Status | None:
    """Where this database stands; None where no migration ever ran."""
    with session(url) as conn:
        if (recorded := installation(conn)) is None:
            return None
        recorded_engine, timezone = recorded
        capability = choose(engine, recorded_engine, detect(url))
        applied = _applied(conn)
        states = []
        for migration in migrations_for(recorded_engine, folder):
            checksum, applied_at = applied.get(migration.version, (None, None))
            changed = checksum is not None and checksum != migration.checksum
            states.append(
                MigrationState(migration.version, migration.repeatable, applied_at, changed)
            )
        return Status(capability, timezone, states)


def recorded_engine(url: str) -> Engine:
    """The engine this database was set up with.

    Raises:
        NeverMigrated: no migration ever ran.
    """
    with session(url) as conn:
        recorded = installation(conn)
    if recorded is None:
        raise NeverMigrated
    return recorded[0]


def apply_pending(
    conn: Connection[TupleRow], engine: Engine, timezone: str, folder: Path = FOLDER
) -> list[str]:
    """The versions that were not applied yet, or changed if they are repeatable, and are now."""
    applied = _applied(conn)
    done: list[str] = []
    for migration in migrations_for(engine, folder):
        checksum, _ = applied.get(migration.version, (None, None))
        if migration.repeatable:
            due = bool(done) or checksum != migration.checksum
        else:
            due = checksum is None
            if checksum not in (None, migration.checksum):
                raise MigrationError(
                    f"{migration.up.name} was changed after it was applied; "
                    "restore it and write a new migration instead"
                )
        if due:
            with conn.transaction():
                execute_script(conn, migration.up, timezone)
                conn.execute(
                    query("record_migration").body,
                    {"version": migration.version, "checksum": migration.checksum},
                )
            done.append(migration.version)
    if done:
        _log.info("migrations_applied", versions=done)
    return done


def _apply_script(conn: Connection[TupleRow], path: Path, timezone: str) -> None:
    with conn.transaction():
        execute_script(conn, path, timezone)


def execute_script(conn: Connection[TupleRow], path: Path, timezone: str) -> None:
    """Run a file of this package.

    Raises:
        MigrationError: naming the statement that failed.
    """
    for number, statement in enumerate(_statements(path.read_text(encoding="utf-8")), start=1):
        text = statement.replace(":'timezone'", pgsql.Literal(timezone).as_string(conn))
        try:
            # The text is a file of this package, as literal as one in the code.
            with translated_errors():
                conn.execute(pgsql.SQL(text))
        except DatabaseUnavailable:
            raise
        except DatabaseError as error:
            head = sqlparse.format(statement, strip_comments=True).strip().partition("\n")[0]
            raise MigrationError(
                f"{path.name}, statement {number} ({head} …) failed: {error}; "
                "the database is as it was before this file"
            ) from error


@cache
def _statements(text: str) -> list[str]:
    """The statements of a file. Finding where they end takes longer than most take to run."""
    return sqlparse.split(text)


def check_same_zone(conn: Connection[TupleRow], timezone: str, now: datetime) -> None:
    """Python and PostgreSQL have each their own time zones.

    Raises:
        MigrationError: they differ in this one, or PostgreSQL does not know it.
    """
    if timezone == "UTC":
        return
    try:
        with translated_errors():
            rows = conn.execute(query("offsets_of_zone").body, {"timezone": timezone})
        there = [(instant.astimezone(UTC), seconds) for instant, seconds in rows]
    except DataRejected as error:
        raise MigrationError(f"this PostgreSQL does not know the time zone {timezone}") from error
    first = first_difference(ZoneInfo(timezone), there)
    if first is None:
        return
    if first < now + NOTICE:
        raise MigrationError(str(differing(timezone, first)))
    _log.warning("time_zones_differ", timezone=timezone, from_=first.isoformat())


def _recorded(conn: Connection[TupleRow], timezone: str) -> Engine | None:
    """The recorded engine; a differing recorded time zone is refused."""
    if (recorded := installation(conn)) is None:
        return None
    engine, recorded_timezone = recorded
    if recorded_timezone != timezone:
        raise EngineMismatch(
            f"FATURE_TIMEZONE is {timezone}, but this database was set up with "
            f"{recorded_timezone}, which is baked into its day, week and month figures; "
            f"set FATURE_TIMEZONE={recorded_timezone}, or change the database with "
            f"`make timezone TZ={timezone}`"
        )
    return engine


def installation(conn: Connection[TupleRow]) -> tuple[Engine, str] | None:
    """The recorded engine and time zone; None where the migrator was never here."""
    (exists,) = conn.execute(query("installation_exists").body).fetchone() or (False,)
    row = conn.execute(query("installation").body).fetchone() if exists else None
    return cast("tuple[Engine, str] | None", row)


def _applied(conn: Connection[TupleRow]) -> dict[str, tuple[str, datetime]]:
    rows = conn.execute(query("applied_migrations").body)
    return {version: (checksum, applied_at) for version, checksum, applied_at in rows}


def drop_repeatable_objects(
    conn: Connection[TupleRow], engine: Engine, folder: Path = FOLDER
) -> None:
    """Take away the views that stand on the tables; `apply_pending` brings them back."""
    conn.execute(query("drop_repeatable_objects").body)
    for migration in migrations_for(engine, folder):
        if migration.repeatable:
            forget(conn, migration.version)


def forget(conn: Connection[TupleRow], version: str) -> None:
    """Have a version applied again by the next `migrate`."""
    conn.execute(query("forget_migration").body, {"version": version})


@contextmanager
def session(url: str) -> Iterator[Connection[TupleRow]]:
    """A connection on which each statement is a transaction of its own."""
    with translated_errors(), psycopg.connect(url, autocommit=True, **liveness(url)) as conn:
        yield conn


@contextmanager
def migration_lock(conn: Connection[TupleRow]) -> Iterator[None]:
    """One migrator at a time; others wait."""
    conn.execute(query("lock_migrations").body)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(query("unlock_migrations").body)
