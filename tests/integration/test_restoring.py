"""Refusals before a restore changes anything, and the programs that are taken."""

import secrets
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sql import restoring
from sql.embedded import EmbeddedPostgresError, client_program
from sql.engine import Engine
from sql.restoring import CannotRestore
from tests.conftest import DatabaseServer

OWNER = "fature_owner"


@pytest.fixture
def empty(database_of: DatabaseServer) -> str:
    """The URL of a database with nothing in it."""
    return database_of.new_database(migrated=False)


def test_a_migrated_database_is_not_empty(database: str) -> None:
    with pytest.raises(CannotRestore, match=r"not empty \(analytics, fature, federation\)"):
        restoring.prepare(database, OWNER, None)


def test_a_table_of_somebody_is_in_the_way(empty: str) -> None:
    with psycopg.connect(empty) as conn:
        conn.execute("CREATE TABLE public.theirs (id int PRIMARY KEY)")
    with pytest.raises(CannotRestore, match=r"not empty \(public\.theirs"):
        restoring.prepare(empty, OWNER, None)


def test_another_role_than_the_owner_is_refused_with_its_name(empty: str) -> None:
    with pytest.raises(CannotRestore, match=r"belongs to the role somebody, but .* fature_owner"):
        restoring.prepare(empty, "somebody", None)


def test_timescaledb_needs_a_superuser(empty: str) -> None:
    role, password = f"owner_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(empty, autocommit=True) as conn:
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        conn.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
    url = make_conninfo(empty, user=role, password=password)
    with pytest.raises(CannotRestore, match=f"ALTER ROLE {role} SUPERUSER"):
        restoring.prepare(url, role, "2.29.2")


def test_another_version_of_timescaledb_is_refused(empty: str, engine: Engine) -> None:
    with pytest.raises(CannotRestore, match=r"TimescaleDB 2\.0\.0, which this server"):
        restoring.prepare(empty, OWNER, "2.0.0")
    if engine == "timescale":
        with psycopg.connect(empty, autocommit=True) as conn:
            conn.execute("CREATE EXTENSION timescaledb")
        with pytest.raises(CannotRestore, match=r"but this database has .* already"):
            restoring.prepare(empty, OWNER, "2.0.0")


def test_programs_of_the_servers_version_are_found(empty: str) -> None:
    major = restoring.server_major(empty)
    for name in ("pg_dump", "pg_restore"):
        assert client_program(name, major, None).is_file()


def test_what_to_install_is_told_where_there_is_no_program_of_that_version(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="install postgresql-client-99"):
        client_program("pg_dump", 99, tmp_path)
