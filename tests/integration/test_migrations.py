"""Migrations up and down, on each engine; nothing half-done, nothing done twice."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import TupleRow

from retention.apply import reconcile
from retention.policies import parse_keep
from sql.engine import Engine, EngineMismatch
from sql.errors import DatabaseError
from sql.migration_files import FOLDER, migrations_for
from sql.migrator import (
    MigrationError,
    NeverMigrated,
    migrate,
    recorded_engine,
    rollback,
    status,
)
from sql.timezones import check_whole_hours
from sql.vocabulary import LEVELS
from tests.conftest import ROOT, DatabaseServer
from tests.integration.rollups import new_series, number, session, store, timescale_only

# A column that goes and comes back keeps its place, but not its number.
COLUMNS = """
SELECT
    table_schema,
    table_name,
    rank() OVER (PARTITION BY table_schema, table_name ORDER BY ordinal_position),
    column_name,
    data_type
FROM information_schema.columns
WHERE table_schema IN ('fature', 'analytics')
ORDER BY 1, 2, 3
"""
UNCOMMENTED_RELATIONS = """
SELECT format('%s.%s', relnamespace::regnamespace, relname)
FROM pg_class
WHERE
    relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('fature', 'analytics'))
    AND relkind IN ('r', 'v', 'm', 'p', 'S')
    AND NOT (relkind = 'S' AND relname LIKE '%_seq')
    AND obj_description(oid, 'pg_class') IS NULL
"""
UNCOMMENTED_COLUMNS = """
SELECT format('%s.%s', attrelid::regclass, attname)
FROM pg_attribute
WHERE
    attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'analytics'::regnamespace)
    AND attnum > 0
    AND NOT attisdropped
    AND col_description(attrelid, attnum) IS NULL
"""

MIGRATE = """
import sys
from sql.migrator import migrate
capability, applied = migrate(sys.argv[1], engine="auto", timezone="UTC")
print(capability.engine, *applied)
"""


@pytest.fixture
def empty(database_of: DatabaseServer) -> str:
    """A database nothing was ever done to."""
    return database_of.new_database(migrated=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the SQL files, to be changed."""
    copy = tmp_path / "sql"
    for name in ("migrations", "repeatable"):
        shutil.copytree(FOLDER / name, copy / name)
    shutil.copy(FOLDER / "bootstrap.sql", copy)
    return copy


def up(url: str, folder: Path = FOLDER) -> list[str]:
    return migrate(url, engine="auto", timezone="UTC", folder=folder)[1]


def select(url: str, statement: Any) -> list[TupleRow]:
    with session(url) as conn:
        return conn.execute(statement).fetchall()


def everything(url: str) -> list[TupleRow]:
    """Every column of every relation, and when each migration was applied."""
    applied = "SELECT version, checksum, applied_at FROM fature.migration ORDER BY version"
    return select(url, COLUMNS) + select(url, applied)


def versions(engine: Engine) -> list[str]:
    return [migration.version for migration in migrations_for(engine)]


def once_only(engine: Engine) -> list[str]:
    return [migration.version for migration in migrations_for(engine) if not migration.repeatable]


def test_an_empty_database_gets_everything_and_the_second_time_nothing(
    empty: str, engine: Engine
) -> None:
    assert status(empty) is None
    assert up(empty) == versions(engine)
    before = everything(empty)
    assert up(empty) == []
    assert everything(empty) == before
    assert recorded_engine(empty) == engine


def test_status_tells_the_engine_the_zone_and_what_was_applied_when(
    empty: str, engine: Engine
) -> None:
    started = datetime.now(UTC)
    migrate(empty, engine="auto", timezone="America/Sao_Paulo")
    found = status(empty)
    assert found is not None
    assert found.capability.engine == engine
    assert found.timezone == "America/Sao_Paulo"
    assert found.pending == []
    assert [m.version for m in found.migrations] == versions(engine)
    for migration in found.migrations:
        assert migration.applied_at is not None
        assert started <= migration.applied_at <= datetime.now(UTC)
        assert not migration.changed


def test_status_names_what_is_still_to_be_applied(database: str, folder: Path) -> None:
    (folder / "migrations" / "9000_more.sql").write_text("CREATE TABLE fature.more ();")
    (folder / "migrations" / "9000_more.down.sql").write_text("DROP TABLE fature.more;")
    with (folder / "repeatable" / "10_analytics.sql").open("a") as file:
        file.write("-- a change\n")
    found = status(database, folder=folder)
    assert found is not None
    assert found.pending == ["9000_more", "10_analytics"]


def test_rolled_back_to_nothing_it_comes_up_again_the_same(empty: str, engine: Engine) -> None:
    up(empty)
    before = select(empty, COLUMNS)
    undone = []
    while (version := rollback(empty)) is not None:
        undone.append(version)
    assert undone == list(reversed(once_only(engine)))
    left = {name for _, name, *_ in select(empty, COLUMNS)}
    assert left == {"installation", "migration"}
    assert up(empty) == versions(engine)
    assert select(empty, COLUMNS) == before


def test_every_single_step_down_and_up_again_restores_the_same(empty: str, engine: Engine) -> None:
    up(empty)
    before = select(empty, COLUMNS)
    steps = once_only(engine)
    repeatable = versions(engine)[len(steps) :]
    for depth in range(1, len(steps) + 1):
        for _ in range(depth):
            rollback(empty)
        assert up(empty) == [*steps[-depth:], *repeatable]
        assert select(empty, COLUMNS) == before


def test_rolling_back_a_database_that_was_never_migrated_does_nothing(empty: str) -> None:
    assert rollback(empty) is None
    assert select(empty, COLUMNS) == []


def test_the_rollback_of_policies_and_data_leaves_no_job_or_chunk_behind(
    database: str, engine: Engine
) -> None:
    with session(database) as conn:
        for frequency in LEVELS:
            store(conn, frequency, [(datetime.now(UTC), 1, new_series(conn, frequency), 1.0)])
        while rollback(database) is not None:
            pass
        if engine == "timescale":
            jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name ~ '^policy_'"
            assert number(conn, f"{jobs} AND hypertable_name IS NOT NULL") == 0
            chunks = "SELECT count(*) FROM pg_class WHERE relname ~ '^_(hyper|materialized)_'"
            assert number(conn, chunks) == 0
    up(database)
    zone = check_whole_hours("UTC")
    reconcile(database, engine, parse_keep(""), zone, datetime.now(UTC))
    assert not reconcile(database, engine, parse_keep(""), zone, datetime.now(UTC))


def test_every_migration_can_be_rolled_back(engine: Engine) -> None:
    for migration in migrations_for(engine):
        if not migration.repeatable:
            assert migration.down is not None
            assert migration.down.is_file(), f"{migration.version} has no down file"


@timescale_only
def test_both_engines_have_the_same_relations_and_columns(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    plain = select(servers("plain").new_database(), COLUMNS)
    timescale = select(servers("timescale").new_database(), COLUMNS)
    assert {row[1] for row in plain} >= {"sample_hourly", "rollup_hourly_day", "metric_day"}
    assert timescale == plain


def test_every_relation_is_commented(database: str) -> None:
    assert select(database, UNCOMMENTED_RELATIONS) == []


def test_every_column_that_analysts_see_is_commented(database: str) -> None:
    assert select(database, UNCOMMENTED_COLUMNS) == []


def test_processes_that_migrate_at_once_apply_each_migration_once(
    empty: str, engine: Engine
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, empty],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, answers
    lines = [output.splitlines()[-1].split() for output, _ in answers]
    assert {line[0] for line in lines} == {engine}
    assert sorted(line[1:] for line in lines) == [[], [], [], versions(engine)]
    assert up(empty) == []


def test_a_failed_migration_leaves_the_database_as_it_was_and_says_where(
    database: str, folder: Path
) -> None:
    before = everything(database)
    (folder / "migrations" / "9000_broken.sql").write_text(
        "CREATE TABLE fature.half_done (n integer);\n"
        "-- Takes the views along.\n"
        "DROP SCHEMA analytics CASCADE;\n"
        "ALTER TABLE fature.missing ADD COLUMN n integer;\n"
    )
    expected = r"9000_broken\.sql, statement 3 \(ALTER TABLE fature\.missing .*does not exist"
    with pytest.raises(MigrationError, match=expected):
        up(database, folder)
    assert everything(database) == before
    assert up(database) == []


def test_what_was_applied_before_a_failure_stays_and_is_not_repeated(
    empty: str, folder: Path, engine: Engine
) -> None:
    broken = folder / "migrations" / "9000_broken.sql"
    broken.write_text("SELECT 1 / 0;")
    with pytest.raises(MigrationError, match=r"9000_broken\.sql, statement 1 .*division by zero"):
        up(empty, folder)
    found = status(empty, folder=folder)
    assert found is not None
    repeatable = versions(engine)[len(once_only(engine)) :]
    assert found.pending == ["9000_broken", *repeatable]
    broken.unlink()
    assert up(empty, folder) == repeatable


def test_a_failed_repeatable_file_keeps_the_views_it_would_have_replaced(
    database: str, folder: Path
) -> None:
    before = everything(database)
    (folder / "repeatable" / "10_analytics.sql").write_text(
        "DROP SCHEMA analytics CASCADE; CREATE VIEW nowhere.at_all AS SELECT 1;"
    )
    with pytest.raises(MigrationError, match=r"10_analytics\.sql, statement 2 "):
        up(database, folder)
    assert everything(database) == before


def test_a_failed_rollback_leaves_the_database_as_it_was(
    database: str, folder: Path, engine: Engine
) -> None:
    before = everything(database)
    newest = once_only(engine)[-1]
    (folder / "migrations" / f"{newest}.down.sql").write_text("DROP TABLE fature.missing;")
    with pytest.raises(MigrationError, match=rf"{newest}\.down\.sql, statement 1 "):
        rollback(database, folder=folder)
    assert everything(database) == before


def test_an_applied_file_that_was_changed_is_refused(database: str, folder: Path) -> None:
    before = everything(database)
    with (folder / "migrations" / "0001_catalog.sql").open("a") as file:
        file.write("CREATE TABLE fature.afterthought ();\n")
    with pytest.raises(MigrationError, match=r"0001_catalog\.sql was changed after it was applied"):
        up(database, folder)
    assert everything(database) == before
    found = status(database, folder=folder)
    assert found is not None
    assert [m.version for m in found.migrations if m.changed] == ["0001_catalog"]


def test_a_repeatable_file_runs_again_with_those_after_it_only_when_it_changed(
    database: str, folder: Path, engine: Engine
) -> None:
    repeatable = [m for m in migrations_for(engine, folder) if m.repeatable]
    for position, migration in enumerate(repeatable):
        with migration.up.open("a") as file:
            file.write(f"COMMENT ON SCHEMA public IS 'Changed by {migration.version}.';\n")
        assert up(database, folder) == [m.version for m in repeatable[position:]]
        assert up(database, folder) == []
        (comment,) = select(database, "SELECT obj_description('public'::regnamespace)")
        assert comment == (f"Changed by {migration.version}.",)


def test_repeatable_files_run_again_after_every_new_migration(
    database: str, folder: Path, engine: Engine
) -> None:
    (folder / "migrations" / "9000_more.sql").write_text("DROP VIEW analytics.metrics;")
    repeatable = versions(engine)[len(once_only(engine)) :]
    assert up(database, folder) == ["9000_more", *repeatable]
    assert ("analytics", "metrics") in {row[:2] for row in select(database, COLUMNS)}


def test_the_other_engine_than_the_recorded_one_is_refused(database: str, engine: Engine) -> None:
    other: Engine = "plain" if engine == "timescale" else "timescale"
    before = everything(database)
    words = f"FATURE_ENGINE is {other}, but this database was set up with the engine {engine}"
    with pytest.raises(EngineMismatch, match=words):
        migrate(database, engine=other, timezone="UTC")
    with pytest.raises(EngineMismatch, match=words):
        status(database, engine=other)
    assert everything(database) == before
    assert migrate(database, engine=engine, timezone="UTC")[1] == []


def test_another_time_zone_than_the_recorded_one_is_refused(database: str) -> None:
    before = everything(database)
    with pytest.raises(EngineMismatch, match=r"FATURE_TIMEZONE is Europe/Berlin, but .* with UTC"):
        migrate(database, engine="auto", timezone="Europe/Berlin")
    assert everything(database) == before


def test_the_engine_of_a_database_never_migrated_is_unknown(empty: str) -> None:
    with pytest.raises(NeverMigrated, match="never migrated"):
        recorded_engine(empty)


def test_a_server_that_is_away_is_one_clear_error(database_of: DatabaseServer) -> None:
    nowhere = database_of.new_database(migrated=False).rpartition("/")[0] + "/missing"
    with pytest.raises(DatabaseError, match='database "missing" does not exist'):
        up(nowhere)


@timescale_only
def test_plain_can_be_chosen_where_timescaledb_is_available_and_then_stays(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    server = servers("timescale")
    url = server.new_database(migrated=False)
    capability, applied = migrate(url, engine="plain", timezone="UTC")
    assert capability.engine == "plain"
    assert "asked for" in capability.reason
    assert applied == versions("plain")
    assert select(url, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'") == []
    capability, applied = migrate(url, engine="auto", timezone="UTC")
    assert (capability.engine, applied) == ("plain", [])
    assert select(url, COLUMNS) == select(server.new_database(), COLUMNS)
