"""Which engine a database has: TimescaleDB's community edition, or PostgreSQL alone."""

from typing import Literal, NamedTuple

import psycopg

from sql.connections import liveness
from sql.errors import DatabaseError, translated_errors
from sql.statements import query

Engine = Literal["timescale", "plain"]
EngineSetting = Literal["auto", "timescale", "plain"]

MINIMUM_POSTGRESQL = 15
MINIMUM_TIMESCALEDB = (2, 25)


class EngineMismatch(DatabaseError):
    """The engine or time zone asked for is not the one this database was set up with."""


class Capability(NamedTuple):
    """The engine that a database supports, and the reason in words."""

    engine: Engine
    reason: str


def detect(url: str) -> Capability:
    """The best engine that database offers.

    Where the extension is available it is created to learn its licence, and taken back.
    """
    with translated_errors(), psycopg.connect(url, autocommit=True, **liveness(url)) as conn:
        version = conn.info.server_version
        if version < MINIMUM_POSTGRESQL * 10000:
            raise EngineMismatch(
                f"PostgreSQL {version // 10000} is too old: {MINIMUM_POSTGRESQL} or newer is needed"
            )
        if conn.execute(query("timescaledb_available").body).fetchone() is None:
            return Capability("plain", "TimescaleDB is not installed in this PostgreSQL")
        # Where the library is not preloaded this ends the connection, hence one of its own.
        try:
            with translated_errors(), conn.transaction(force_rollback=True):
                conn.execute(query("create_timescaledb").body)
                row = conn.execute(query("timescaledb_licence").body).fetchone()
        except DatabaseError as error:
            return Capability("plain", f"TimescaleDB cannot be created here: {error}")
    assert row is not None
    return _judge(*row)


def _judge(licence: str, version: str) -> Capability:
    if licence != "timescale":
        return Capability(
            "plain",
            f"TimescaleDB {version} is the Apache-only edition, without continuous "
            "aggregates and policies: treated as plain",
        )
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < MINIMUM_TIMESCALEDB:
        needed = ".".join(map(str, MINIMUM_TIMESCALEDB))
        return Capability("plain", f"TimescaleDB {version} is older than {needed}")
    return Capability("timescale", f"TimescaleDB {version}")


def choose(setting: EngineSetting, recorded: Engine | None, found: Capability) -> Capability:
    """The engine to use, given the setting, what the database was set up with (if it was)
    and what it offers now.

    Raises:
        EngineMismatch: they contradict each other.
    """
    if setting != "auto" and recorded is not None and setting != recorded:
        raise EngineMismatch(
            f"FATURE_ENGINE is {setting}, but this database was set up with the engine "
            f"{recorded}; unset FATURE_ENGINE or use another database"
        )
    wanted = recorded or setting
    if wanted == "timescale" and found.engine != "timescale":
        origin = "this database was set up with" if recorded else "FATURE_ENGINE asks for"
        raise EngineMismatch(f"{origin} the engine timescale, but {found.reason}")
    if wanted == "plain":
        origin = "set up so" if recorded else "asked for"
        reason = found.reason if found.engine == "plain" else f"{origin}, not using {found.reason}"
        return Capability("plain", reason)
    return found
