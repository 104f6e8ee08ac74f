"""fature_app serves, on every engine, and can do nothing else."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege

from retention.apply import delete_expired, reconcile
from retention.policies import parse_keep
from sql.engine import Engine
from sql.migration_files import FOLDER
from sql.migrator import migrate
from sql.roles import administers, serving_url
from tests.conftest import (
    DatabaseServer,
    Service,
    run_refresh_jobs,
    running_service,
)
from tests.instances import fails_clearly
from tests.integration.login_roles import log_in_role, user_of

REFUSED = """
CREATE TABLE fature.mine ()
CREATE TABLE public.mine ()
CREATE TABLE analytics.mine ()
CREATE TEMPORARY TABLE mine ()
CREATE SCHEMA mine
CREATE FUNCTION fature.mine() RETURNS int LANGUAGE sql RETURN 1
CREATE OR REPLACE VIEW analytics.catalog AS SELECT 1 AS tenant
CREATE INDEX ON fature.series (region)
ALTER TABLE fature.series ADD COLUMN mine int
DROP TABLE fature.idempotency
DROP VIEW analytics.metrics
TRUNCATE fature.series
COMMENT ON TABLE fature.series IS 'mine'
INSERT INTO fature.migration (version, checksum) VALUES ('mine', 'mine')
UPDATE fature.installation SET timezone = 'Europe/Lisbon'
INSERT INTO fature.analyst_tenant (role_name, tenant) VALUES ('mine', 'mine')
DELETE FROM fature.samples_dropped
CREATE ROLE mine
SET ROLE fature_analyst
COPY fature.series TO PROGRAM 'true'
UPDATE fature.audit_log SET action = 'mine'
DELETE FROM fature.audit_log
TRUNCATE fature.audit_log
UPDATE fature.void SET reason = 'mine'
DELETE FROM fature.void
TRUNCATE fature.void
"""
AUDIT = """
CREATE TABLE IF NOT EXISTS fature.audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action text NOT NULL
);
COMMENT ON TABLE fature.audit_log IS 'Who changed what.';
"""


@pytest.fixture(scope="module")
def owner_url(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory, engine: Engine
) -> str:
    """A database with everything, rights on the database itself and an audit log too."""
    url = database_of.new_database(migrated=False)
    folder = tmp_path_factory.mktemp(f"sql-{engine}")
    for name in ("migrations", "repeatable"):
        shutil.copytree(FOLDER / name, folder / name)
    shutil.copy(FOLDER / "bootstrap.sql", folder)
    (folder / "migrations" / "9999_audit.sql").write_text(AUDIT)
    (folder / "migrations" / "9999_audit.down.sql").write_text("DROP TABLE fature.audit_log;")
    migrate(url, engine=engine, timezone="UTC", folder=folder)
    reconcile(url, engine, parse_keep(""), ZoneInfo("UTC"), datetime.now(UTC))
    return url


@pytest.fixture(scope="module")
def app_url(owner_url: str) -> str:
    """Someone who is a member of fature_app and nothing else."""
    return log_in_role(owner_url, "IN ROLE fature_app")


@pytest.mark.parametrize("statement", REFUSED.strip().splitlines())
def test_the_application_changes_no_schema_and_no_history(app_url: str, statement: str) -> None:
    with psycopg.connect(app_url, autocommit=True) as conn, pytest.raises(InsufficientPrivilege):
        conn.execute(statement.encode())


GROWING = ("audit_log", "void")


def rights(conn: psycopg.Connection, table: str) -> tuple[bool, ...] | None:
    """Of whom is connected: to add, to change and to delete."""
    return conn.execute(
        "SELECT has_table_privilege(%(table)s, 'INSERT'),"
        " has_any_column_privilege(%(table)s, 'UPDATE'),"
        " has_table_privilege(%(table)s, 'DELETE')",
        {"table": f"fature.{table}"},
    ).fetchone()


@pytest.mark.parametrize("table", GROWING)
def test_what_could_be_changed_and_only_grows_no_longer_can(
    owner_url: str, app_url: str, table: str
) -> None:
    with (
        psycopg.connect(owner_url, autocommit=True) as owner,
        psycopg.connect(app_url, autocommit=True) as conn,
    ):
        owner.execute(f"GRANT UPDATE, DELETE ON fature.{table} TO fature_app".encode())
        assert rights(conn, table) == (True, True, True)
        owner.execute((FOLDER / "repeatable" / "91_grants.sql").read_bytes())
        assert rights(conn, table) == (True, False, False)


def test_the_application_adds_to_voids_and_reads_them(app_url: str) -> None:
    with psycopg.connect(app_url, autocommit=True) as conn:
        assert rights(conn, "void") == (True, False, False)
        conn.execute("SELECT * FROM fature.void")


def test_the_application_relabels_without_changing_the_audit_log_itself(app_url: str) -> None:
    with psycopg.connect(app_url, autocommit=True) as conn:
        for statement in (
            "SELECT fature.merge_series(1, 2)",
            "SELECT fature.relabel_metadata('{1}', 'region', 'A', 'B')",
            "SELECT fature.relabel_records('nobody', NULL, 'affiliate_id', 'A', 'B')",
            "BEGIN; LOCK TABLE fature.series IN SHARE ROW EXCLUSIVE MODE; ROLLBACK",
        ):
            conn.execute(statement.encode())
        conn.execute("SET fature.erasing = 'yes'")
        with pytest.raises(InsufficientPrivilege):
            conn.execute("UPDATE fature.audit_log SET action = 'mine'")


def test_the_application_adds_to_the_audit_log_and_reads_it(app_url: str) -> None:
    with psycopg.connect(app_url, autocommit=True) as conn:
        columns = {
            name
            for (name,) in conn.execute(
                "SELECT attname::text FROM pg_attribute "
                "WHERE attrelid = 'fature.audit_log'::regclass AND attnum > 0"
            )
        }
        grants = conn.execute(
            "SELECT has_table_privilege('fature.audit_log', 'INSERT'),"
            " has_any_column_privilege('fature.audit_log', 'UPDATE')"
        ).fetchone()
        assert grants == (True, False)
        assert "action" in columns
        conn.execute("SELECT * FROM fature.audit_log")


def test_owners_serve_as_the_application_and_others_as_themselves(
    owner_url: str, app_url: str
) -> None:
    assert administers(owner_url)
    with psycopg.connect(serving_url(owner_url), autocommit=True) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ("fature_app",)
        conn.execute("RESET ROLE")
        assert conn.execute("SELECT current_user").fetchone() == ("fature_app",)
        # It still is the owner's log-in, for whom views show every tenant.
        count = conn.execute("SELECT count(*) > 0 FROM analytics.catalog").fetchone()
        assert count == (True,)
    assert not administers(app_url)
    assert serving_url(app_url) == app_url


def test_options_of_the_url_stay(owner_url: str) -> None:
    with psycopg.connect(serving_url(make_conninfo(owner_url, options="-c work_mem=5MB"))) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ("fature_app",)
        assert conn.execute("SHOW work_mem").fetchone() == ("5MB",)


@pytest.fixture(scope="module")
def served(
    owner_url: str, app_url: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service where the role that logs in owns nothing."""
    # The test's own migration is not one of the service's: nothing is pending.
    with running_service(tmp_path_factory.mktemp(f"app-{engine}"), app_url) as running:
        yield running


def test_the_service_works_without_owning_anything(
    served: Service, owner_url: str, app_url: str, engine: Engine
) -> None:
    api = served.client
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for frequency, age in (("real_time", 0), ("hourly", 30), ("daily", 400), ("monthly", 700)):
        for instant in (today - timedelta(days=age), today - timedelta(days=age + 1)):
            sample = {
                "metric_name": f"served_{frequency}",
                "metric_type": "revenue",
                "frequency": frequency,
                "value": 2.5,
                # Midnight: on TimescaleDB a trigger then writes and deletes, as this role.
                "timestamp": instant.isoformat(),
            }
            answer = api.post(
                "/api/metrics", json=sample, headers={"Idempotency-Key": str(instant)}
            )
            assert answer.status_code in (201, 422), answer.text
            if frequency != "real_time":
                assert answer.status_code == 201, answer.text
    rule = {
        "rule_name": "served",
        "metric_name": "served_daily",
        "condition": ">",
        "threshold_value": 1,
        "severity": "low",
    }
    made = api.post("/api/alerts/rules", json=rule)
    assert made.status_code == 201, made.text
    health = {"service_name": "served", "status": "healthy"}
    assert api.post("/api/services/health", json=health).status_code == 201
    run_refresh_jobs(owner_url)
    for path in (
        "/api/metrics/query?metric_name=served_daily",
        "/api/metrics/aggregate?metric_name=served_daily&period=month&start_date=2020-01-01",
        "/api/metrics/catalog",
        "/api/alerts/events",
        "/api/services/health",
    ):
        answer = api.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"] or "events" in path
    assert api.delete(f"/api/alerts/rules/{made.json()['data']['id']}").status_code in (200, 204)
    deleted = delete_expired(app_url, engine, parse_keep(""), datetime.now(UTC))
    assert "idempotency" in deleted
    with psycopg.connect(owner_url) as conn:
        who = (
            "SELECT DISTINCT usename::text FROM pg_stat_activity WHERE datname = current_database()"
        )
        assert (user_of(app_url),) in conn.execute(who).fetchall()
    log = served.log.read_text()
    assert "permission denied" not in log
    assert "must be owner" not in log


def test_the_application_does_not_start_where_migrations_are_pending(
    database_of: DatabaseServer, app_url: str, tmp_path: Path
) -> None:
    empty = database_of.new_database()
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("DELETE FROM fature.migration WHERE version = '91_grants'")
    theirs = make_conninfo(app_url, dbname=str(conninfo_to_dict(empty)["dbname"]))
    fails_clearly(
        "migrations are pending",
        "make migrate",
        FATURE_DATABASE_URL=theirs,
        FATURE_DATA_DIR=str(tmp_path),
        FATURE_ADMIN_KEY="test-admin-key-0123456789",
    )
