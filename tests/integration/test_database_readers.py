"""Analysts, Grafana and analysts of one tenant read the views of their tenants: no table, no
other schema, and nothing that writes.
"""

import secrets
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import (
    InsufficientPrivilege,
    ObjectNotInPrerequisiteState,
    QueryCanceled,
    ReadOnlySqlTransaction,
)

from sql.analysts import let_in
from sql.engine import Engine
from sql.migrator import migrate
from tests.conftest import DatabaseServer
from tests.integration.readers import MINE, Readers, readers
from tests.killable import until

READERS = ("analyst", "grafana", "tenant")
# Views that show figures or labels of a tenant.
VIEWS = """
SELECT relname::text FROM pg_class
WHERE relnamespace = 'analytics'::regnamespace ORDER BY relname
"""
REFUSED = """
SELECT * FROM fature.series
SELECT * FROM fature.sample_hourly
SELECT * FROM fature.rollup_hourly_day
SELECT * FROM fature.alert_notification
SELECT * FROM fature.analyst_tenant
SELECT * FROM fature.reader
SELECT fature.series_identity('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', '{}')
SELECT nextval('fature.sample_id')
SELECT * FROM pg_authid
SELECT * FROM pg_largeobject
INSERT INTO analytics.catalog (tenant, metric_name) VALUES ('acme', 'x')
UPDATE analytics.alert_rules SET threshold_value = 0
DELETE FROM analytics.alert_events
DELETE FROM analytics.service_health
CREATE TABLE public.mine ()
CREATE TABLE analytics.mine ()
CREATE TEMPORARY TABLE mine ()
CREATE SCHEMA mine
CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1
CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql RETURN 1
CREATE EXTENSION dblink
CREATE EXTENSION postgres_fdw
CREATE ROLE mine
ALTER ROLE CURRENT_USER CONNECTION LIMIT 1000
ALTER VIEW analytics.metrics RESET (security_barrier)
SET ROLE fature_app
SET ROLE fature_owner
SELECT set_config('role', 'fature_app', false)
SET SESSION AUTHORIZATION fature_owner
SELECT set_config('session_authorization', 'fature_owner', false)
COPY (SELECT 1) TO PROGRAM 'true'
COPY (SELECT 1) TO '/tmp/mine'
COPY analytics.catalog FROM '/etc/passwd'
SELECT pg_read_file('/etc/passwd')
SELECT pg_read_binary_file('/etc/passwd')
SELECT pg_ls_dir('/')
SELECT pg_stat_file('/etc/passwd')
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/mine')
SELECT lo_create(0)
SELECT lo_from_bytea(0, 'mine')
SELECT pg_advisory_lock(hashtextextended('fature.alerts', 0))
SELECT pg_try_advisory_lock_shared(1)
SELECT pg_advisory_xact_lock(1)
SELECT pg_logical_emit_message(false, 'mine', repeat('x', 1000))
SELECT pg_logical_emit_message(true, 'mine', '\\x00'::bytea)
SELECT pg_export_snapshot()
SELECT pg_notify('mine', 'x')
SELECT pg_current_xact_id()
SET temp_file_limit = -1
SELECT fature.end_overlong_reading()
SELECT pg_reload_conf()
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'fature_owner'
DO 'BEGIN LOCK TABLE fature.series IN ACCESS EXCLUSIVE MODE; END'
DO 'BEGIN LOCK TABLE analytics.metrics IN ACCESS EXCLUSIVE MODE; END'
TRUNCATE fature.series
"""
REFUSED_BY_TIMESCALEDB = """
SELECT drop_chunks('fature.sample_hourly', now())
SELECT show_chunks('fature.sample_hourly')
SELECT hypertable_size('fature.sample_hourly')
SELECT add_job('_timescaledb_functions.policy_recompression', '1h')
SELECT add_retention_policy('fature.sample_hourly', interval '1 day')
SELECT alter_job((SELECT min(job_id) FROM timescaledb_information.jobs), scheduled => false)
SELECT delete_job((SELECT min(job_id) FROM timescaledb_information.jobs))
CALL run_job(3)
CALL refresh_continuous_aggregate('fature.rollup_hourly_day', NULL, NULL)
CALL convert_to_columnstore('_timescaledb_internal._hyper_1_1_chunk')
SELECT compress_chunk('_timescaledb_internal._hyper_1_1_chunk')
SELECT set_chunk_time_interval('fature.sample_hourly', interval '1 day')
SELECT create_hypertable('fature.series', 'created_at')
SELECT timescaledb_pre_restore()
DELETE FROM _timescaledb_catalog.chunk
SELECT * FROM _timescaledb_internal.bgw_job_stat_history
SELECT * FROM _timescaledb_internal.bgw_job_stat
SELECT * FROM _timescaledb_internal.compressed_chunk_stats
SELECT * FROM _timescaledb_internal.hypertable_chunk_local_size
SELECT * FROM timescaledb_information.chunks
SELECT * FROM timescaledb_information.job_stats
SELECT * FROM timescaledb_information.job_errors
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.fixture(scope="module")
def people(database_of: DatabaseServer) -> Readers:
    return readers(database_of)


@pytest.fixture(scope="module")
def views(people: Readers) -> list[str]:
    with psycopg.connect(people.url) as conn:
        return [name for (name,) in conn.execute(VIEWS)]


@pytest.mark.parametrize("statement", lines(REFUSED))
@pytest.mark.parametrize("reader", READERS)
def test_what_is_not_reading_a_view_is_refused(
    people: Readers, reader: str, statement: str
) -> None:
    # Views that could not be written to by anybody say so.
    refusals = (InsufficientPrivilege, ObjectNotInPrerequisiteState)
    with people.session(reader, read_only=False) as conn, pytest.raises(refusals):
        conn.execute(statement.encode())


@pytest.mark.parametrize("statement", lines(REFUSED_BY_TIMESCALEDB))
def test_timescaledb_does_nothing_for_readers(
    people: Readers, engine: Engine, statement: str
) -> None:
    if engine != "timescale":
        pytest.skip("there is no TimescaleDB here")
    for reader in READERS:
        with people.session(reader, read_only=False) as conn, pytest.raises(InsufficientPrivilege):
            conn.execute(statement.encode())


def test_chunks_and_materialisations_cannot_be_read(people: Readers, engine: Engine) -> None:
    """No relation that holds rows of ours, wherever TimescaleDB keeps them."""
    ours = """
        SELECT oid::regclass::text, oid FROM pg_class
        WHERE
            relkind IN ('r', 'p', 'v', 'm', 'S')
            AND (
                relnamespace = 'fature'::regnamespace
                OR relname ~ '^(_hyper|_materialized|compress_hyper|_compressed_|_partial|_direct)'
            )
    """
    with psycopg.connect(people.url) as conn:
        relations = conn.execute(ours).fetchall()
    assert len(relations) > (60 if engine == "timescale" else 25)
    for reader in READERS:
        with people.session(reader) as conn:
            for relation, oid in relations:
                readable = conn.execute("SELECT has_table_privilege(%s::oid, 'SELECT')", (oid,))
                assert readable.fetchone() == (False,), relation
                with pytest.raises(InsufficientPrivilege):
                    conn.execute(f"SELECT * FROM {relation}".encode())


def test_every_view_is_a_barrier_of_the_owner_and_commented(
    people: Readers, views: list[str]
) -> None:
    with psycopg.connect(people.url) as conn:
        unsafe = conn.execute(
            """
            SELECT relname FROM pg_class
            WHERE
                relnamespace = 'analytics'::regnamespace
                AND (
                    relkind <> 'v'
                    OR NOT coalesce('security_barrier=true' = ANY(reloptions), false)
                    OR coalesce('security_invoker=true' = ANY(reloptions), false)
                    OR relowner <> (
                        SELECT nspowner FROM pg_namespace WHERE nspname = 'fature'
                    )
                )
            """
        ).fetchall()
    assert unsafe == []
    assert {"metrics", "metric_day", "catalog", "alert_events", "service_health"} <= set(views)


def test_views_show_every_tenant_or_the_one(people: Readers, views: list[str]) -> None:
    for reader, tenants in (
        ("analyst", {"acme", "globex"}),
        ("grafana", {"acme", "globex"}),
        ("tenant", {"acme"}),
    ):
        with people.session(reader) as conn:
            for view in views:
                rows = conn.execute(f"SELECT DISTINCT tenant FROM analytics.{view}".encode())
                assert {tenant for (tenant,) in rows} - {"default"} == tenants, view
                if reader == "tenant":
                    count = f"SELECT count(*) FROM analytics.{view} WHERE tenant = 'default'"
                    assert conn.execute(count.encode()).fetchone() == (0,)


def test_every_column_is_shown_also_what_is_computed_of_other_metrics(people: Readers) -> None:
    metrics = """
        INSERT INTO fature.metric
        (tenant, metric_name, metric_type, kind, default_aggregation, frequency, description,
         dimensions, formula, operands)
        VALUES
        ('acme', 'sold', 'revenue', 'flow', 'sum', 'daily', '', '{place,way}', NULL, '{}'),
        ('acme', 'paid', 'revenue', 'flow', 'sum', 'daily', '', '{way,till}', NULL, '{}'),
        ('acme', 'rate', 'revenue', 'ratio', 'avg', 'daily', '', '{}', 'paid / sold', '{paid,sold}')
    """
    with psycopg.connect(people.url) as owner:
        owner.execute(metrics)
    known = {"sold": ["place", "way"], "paid": ["way", "till"], "rate": ["way"]}
    for reader in READERS:
        with people.session(reader) as conn:
            found = conn.execute("SELECT metric_name, dimensions, formula FROM analytics.catalog")
            shown = {name: dimensions for name, dimensions, _ in found if name in known}
            assert shown == known


def test_a_limited_analyst_stays_limited_whatever_it_becomes(people: Readers) -> None:
    name = f"tess_{secrets.token_hex(4)}"
    made = let_in(people.url, name, MINE)
    seen = "SELECT array_agg(DISTINCT tenant ORDER BY tenant) FROM analytics.metrics"
    with psycopg.connect(people.url, autocommit=True) as owner:
        # A slip of an administrator.
        owner.execute(sql.SQL("GRANT fature_analyst TO {}").format(sql.Identifier(name)))
        with psycopg.connect(
            people.url, user=name, password=made.password, autocommit=True
        ) as conn:
            for role in ("fature_analyst", "fature_tenant_analyst", "NONE"):
                conn.execute(f"SET ROLE {role}".encode())
                assert conn.execute(seen).fetchone() == (["acme"],)
            with pytest.raises(InsufficientPrivilege):
                conn.execute("SET SESSION AUTHORIZATION fature_analyst")
        # Its limit gone, and no group that sees more.
        owner.execute("DELETE FROM fature.analyst_tenant WHERE role_name = %s", (name,))
        owner.execute(sql.SQL("REVOKE fature_analyst FROM {}").format(sql.Identifier(name)))
        with psycopg.connect(people.url, user=name, password=made.password) as conn:
            assert conn.execute(seen).fetchone() == (None,)


def test_sessions_begin_read_only_and_with_limits(people: Readers) -> None:
    for reader, timeout, idle, connections in (
        ("analyst", "1min", "5min", 5),
        ("grafana", "30s", "1min", 20),
        ("tenant", "1min", "5min", 5),
    ):
        with people.session(reader) as conn:
            assert conn.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
            assert conn.execute("SHOW statement_timeout").fetchone() == (timeout,)
            assert conn.execute("SHOW idle_in_transaction_session_timeout").fetchone() == (idle,)
            limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = user"
            assert conn.execute(limit).fetchone() == (connections,)
            with pytest.raises((ReadOnlySqlTransaction, InsufficientPrivilege)):
                conn.execute("CREATE TABLE public.mine ()")


def test_a_statement_ends_at_its_time(people: Readers) -> None:
    """Readers may set another for themselves: it guards against slips."""
    with people.session("analyst") as conn:
        conn.execute("SET statement_timeout = '50ms'")
        with pytest.raises(QueryCanceled):
            conn.execute("SELECT pg_sleep(5)")


WRITING_OR_WAITING = """
SELECT p.oid::regprocedure::text
FROM pg_proc AS p
LEFT JOIN pg_depend AS d
    ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
WHERE
    p.pronamespace IN ('pg_catalog'::regnamespace, 'fature'::regnamespace)
    AND p.provolatile = 'v' AND d.objid IS NULL
    AND has_function_privilege(p.oid, 'EXECUTE')
    AND p.proname ~ (
        '^lo_(creat|put|from|unlink|trunc)|^lowrite|advisory|emit|export|notify|switch_wal'
        '|create_restore|rotate|reload|promote|backup_st|stat_reset|log_backend'
    )
"""


def test_no_function_that_writes_or_locks_is_left_to_readers(people: Readers) -> None:
    for reader in READERS:
        with people.session(reader) as conn:
            assert conn.execute(WRITING_OR_WAITING).fetchall() == []


def test_views_are_found_by_their_names_and_in_business_time(people: Readers) -> None:
    with psycopg.connect(people.url) as conn:
        zone = conn.execute("SELECT timezone FROM fature.installation").fetchone()
    listed = "SELECT relname::text FROM pg_class WHERE relkind = 'v' AND pg_table_is_visible(oid)"
    for reader in READERS:
        with people.session(reader) as conn:
            assert ("metric_day",) in conn.execute(listed).fetchall()
            assert conn.execute("SHOW TimeZone").fetchone() == zone
            assert conn.execute("SHOW temp_file_limit").fetchone() == ("2GB",)
            conn.execute("SELECT count(*) FROM metrics")


def test_an_analyst_made_before_gets_them_when_migrations_run_again(
    database_of: DatabaseServer,
) -> None:
    url = database_of.new_database("America/Sao_Paulo")
    name = f"old_{secrets.token_hex(4)}"
    made = let_in(url, name)
    with psycopg.connect(url, autocommit=True) as owner:
        role = sql.Identifier(name)
        owner.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(role))
        database = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(role, database))
        owner.execute("DELETE FROM fature.migration WHERE version = '93_readers'")
    migrate(url, engine=database_of.engine, timezone="America/Sao_Paulo")
    with psycopg.connect(url, user=name, password=made.password) as conn:
        assert conn.execute("SHOW TimeZone").fetchone() == ("America/Sao_Paulo",)
        assert conn.execute("SHOW search_path").fetchone() == ("analytics, public",)


def test_a_session_that_lifted_its_limit_ends(people: Readers) -> None:
    with people.session("analyst", read_only=False) as conn:
        conn.execute("SET statement_timeout = 0")
        conn.execute("SET application_name = 'lifted'")
        with ThreadPoolExecutor(1) as pool, psycopg.connect(people.url, autocommit=True) as owner:
            asked = pool.submit(conn.execute, "SELECT pg_sleep(300)")
            running = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            until(lambda: owner.execute(running).fetchone() == (1,))
            assert owner.execute("SELECT fature.end_overlong_reading()").fetchone() == (0,)
            at_once = "SELECT fature.end_overlong_reading(interval '0 s')"
            assert owner.execute(at_once).fetchone() == (1,)
            with pytest.raises(psycopg.OperationalError):
                asked.result()


def test_a_reader_has_only_so_many_connections(people: Readers) -> None:
    held = [psycopg.connect(people.urls["analyst"]) for _ in range(5)]
    with pytest.raises(psycopg.OperationalError, match="too many connections"):
        psycopg.connect(people.urls["analyst"])
    for conn in held:
        conn.close()


def test_whoever_has_no_role_of_ours_does_not_get_in(people: Readers) -> None:
    name = f"nobody_{secrets.token_hex(4)}"
    with psycopg.connect(people.url, autocommit=True) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'nobody'".encode())
    with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
        psycopg.connect(people.url, user=name, password="nobody")
