"""Declared policies become the database's own, whatever it had before; on the plain engine
what is past its time is deleted.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import psycopg
import pytest
from psycopg.rows import dict_row

from retention.apply import accept_windows, actual_policies, delete_expired, reconcile
from retention.plan import Plan
from retention.policies import (
    Corrected,
    Policy,
    Refresh,
    Retention,
    accept_ages,
    declared,
    parse_keep,
)
from retention.report import report
from service.metrics.ingest.sample import microseconds
from sql.engine import Engine
from sql.migrator import migrate
from sql.roles import serving_url
from sql.statements import query
from sql.timezones import check_whole_hours
from sql.vocabulary import FREQUENCIES, LEVELS
from tests.conftest import DatabaseServer
from tests.integration.rollups import (
    Conn,
    new_series,
    number,
    refresh,
    run_policy,
    session,
    store,
    timescale_only,
)

KEEP = parse_keep("")
DAY = timedelta(days=1)
RETENTION, COLUMNSTORE = "policy_retention", "policy_compression"
REFRESH = "policy_refresh_continuous_aggregate"


@pytest.fixture
def url(servers: Callable[[Engine], DatabaseServer]) -> str:
    """A TimescaleDB database with the declared policies."""
    return servers("timescale").new_database()


def apply(url: str, setting: str = "", timezone: str = "UTC") -> Plan:
    zone = check_whole_hours(timezone)
    return reconcile(url, "timescale", parse_keep(setting), zone, datetime.now(UTC))


def policies_of(url: str) -> list[Policy | None]:
    """The policies on the service's relations; None is one that nobody could declare."""
    with psycopg.connect(url, row_factory=dict_row) as conn:
        rows = conn.execute(query("actual_policies").body)
        return [found.policy for found in actual_policies(rows)]


def is_as_declared(url: str, setting: str = "") -> bool:
    found, wanted = policies_of(url), declared(parse_keep(setting))
    return len(found) == len(wanted) and all(policy in found for policy in wanted)


@timescale_only
def test_a_migrated_database_gets_exactly_the_declared_policies(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    url = servers("timescale").new_database(migrated=False)
    migrate(url, engine="timescale", timezone="UTC")
    assert not is_as_declared(url)
    assert apply(url).add
    assert is_as_declared(url)


@timescale_only
def test_applying_twice_changes_nothing_and_keeps_the_jobs(url: str) -> None:
    jobs = "SELECT job_id, next_start FROM timescaledb_information.jobs ORDER BY job_id"
    with session(url) as conn:
        before = conn.execute(jobs).fetchall()
        assert not apply(url)
        assert conn.execute(jobs).fetchall() == before


@timescale_only
def test_an_override_replaces_what_follows_from_it_and_nothing_else(url: str) -> None:
    changes = apply(url, "hourly=60")
    touched = {policy.relation for policy in changes.add}
    assert touched == {"sample_hourly", *(f"rollup_hourly_{x}" for x in LEVELS["hourly"])}
    assert {found.relation for found in changes.remove} == touched
    assert Retention("sample_hourly", 60 * DAY) in policies_of(url)
    assert is_as_declared(url, "hourly=60")


@timescale_only
def test_an_override_decides_what_is_dropped(url: str) -> None:
    apply(url, "hourly=30")
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, "hourly")
        store(conn, "hourly", [(now - n * DAY, n, series, 1.0) for n in range(80)])
        run_policy(conn, "policy_retention", "sample_hourly")
        left = {sample for (sample,) in conn.execute("SELECT id FROM fature.sample_hourly")}
    # Never early; at most a chunk of seven days late.
    assert left >= set(range(30))
    assert not left & set(range(38, 80))


@pytest.mark.parametrize(
    ("kind", "relation", "change"),
    [
        (REFRESH, "rollup_hourly_hour", "config => config || '{\"start_offset\": null}'"),
        (REFRESH, "rollup_hourly_hour", "config => config || '{\"end_offset\": null}'"),
        (REFRESH, "rollup_hourly_hour", 'config => config || \'{"end_offset": "9 days"}\''),
        (REFRESH, "rollup_hourly_hour", "config => config || '{\"buckets_per_batch\": 10}'"),
        (REFRESH, "rollup_hourly_hour", "config => config - 'buckets_per_batch'"),
        (REFRESH, "rollup_daily_month", "schedule_interval => interval '1 hour'"),
        (RETENTION, "sample_hourly", 'config => config || \'{"drop_after": "100 days"}\''),
        (COLUMNSTORE, "sample_daily", 'config => config || \'{"compress_after": "1 day"}\''),
    ],
)
@timescale_only
def test_policies_that_were_changed_by_hand_are_replaced(
    url: str, kind: str, relation: str, change: str
) -> None:
    with session(url) as conn:
        alter_job(conn, kind, relation, change)
    assert not is_as_declared(url)
    changes = apply(url)
    assert [found.relation for found in changes.remove] == [relation]
    assert [policy.relation for policy in changes.add] == [relation]
    assert is_as_declared(url)


@pytest.mark.parametrize(
    "foreign",
    [
        "add_retention_policy('fature.rollup_hourly_week', drop_after => interval '1 day')",
        "add_retention_policy('fature.rollup_daily_month', drop_after => interval '9 years')",
        "add_retention_policy('fature.rollup_monthly_month', "
        "drop_created_before => interval '1 day')",
        # A second one, beside that of the last two years.
        "add_continuous_aggregate_policy('fature.rollup_daily_day', "
        "start_offset => interval '900 days', end_offset => interval '800 days', "
        "schedule_interval => interval '1 hour', buckets_per_batch => 0)",
    ],
)
@timescale_only
def test_policies_that_nobody_declared_are_removed(url: str, foreign: str) -> None:
    with session(url) as conn:
        conn.execute(f"SELECT {foreign}".encode())
    assert len(policies_of(url)) == len(declared(KEEP)) + 1
    changes = apply(url)
    assert (len(changes.remove), changes.add) == (1, [])
    assert is_as_declared(url)


@timescale_only
def test_a_policy_that_is_missing_comes_back(url: str) -> None:
    with session(url) as conn:
        conn.execute("SELECT remove_retention_policy('fature.sample_hourly')")
    assert not is_as_declared(url)
    assert apply(url) == Plan([], [Retention("sample_hourly", 90 * DAY)])
    assert is_as_declared(url)


@timescale_only
def test_jobs_of_others_are_left_alone(url: str) -> None:
    others = """
    SELECT count(*) FROM timescaledb_information.jobs
    WHERE hypertable_schema = 'public' OR proc_name = 'nothing'
    """
    with session(url) as conn:
        conn.execute("CREATE TABLE public.sample_hourly (ts timestamptz NOT NULL)")
        conn.execute("SELECT create_hypertable('public.sample_hourly', 'ts')")
        conn.execute("SELECT add_retention_policy('public.sample_hourly', interval '1 day')")
        conn.execute("CREATE PROCEDURE public.nothing(job int, config jsonb) LANGUAGE sql AS ''")
        conn.execute("SELECT add_job('public.nothing', interval '1 day')")
        assert number(conn, others) == 2
        assert not apply(url)
        assert apply(url, "hourly=60")
        assert number(conn, others) == 2


@timescale_only
def test_several_that_apply_at_once_leave_each_policy_once(url: str) -> None:
    together = Barrier(4)

    def apply_together(number: int) -> None:
        together.wait()
        for n in range(3):
            apply(url, f"hourly={60 + (number + n) % 2}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(apply_together, range(4)))
    apply(url, "hourly=50")
    assert is_as_declared(url, "hourly=50")


@timescale_only
def test_nightly_jobs_run_at_two_in_the_business_time_zone(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    url = servers("timescale").new_database("America/New_York")
    with session(url) as conn:
        rows = conn.execute(
            """
            SELECT initial_start AT TIME ZONE 'America/New_York', timezone, schedule_interval
            FROM _timescaledb_catalog.bgw_job
            WHERE proc_name IN (
                'policy_retention', 'policy_compression', 'delete_resolved_alert_events'
            )
            """
        ).fetchall()
    assert len(rows) == sum(
        not isinstance(policy, Refresh | Corrected) for policy in declared(KEEP)
    )
    for start, timezone, every in rows:
        assert start.hour == 2
        assert start.minute < 5
        assert (timezone, every) == ("America/New_York", DAY)


@timescale_only
def test_the_report_has_a_line_for_each_declared_policy_with_sizes_and_next_run(url: str) -> None:
    with session(url) as conn:
        series = new_series(conn, "hourly")
        now = datetime.now(UTC)
        store(conn, "hourly", [(now - n * DAY, n, series, 1.0) for n in range(60)])
        run_policy(conn, "policy_compression", "sample_hourly")
        chunks = number(conn, "SELECT count(*) FROM show_chunks('fature.sample_hourly')")
    lines = report(url, "timescale", KEEP, datetime.now(UTC))
    assert len(lines) == len(declared(KEEP))
    assert all(line.in_line for line in lines)
    (kept,) = [x for x in lines if (x.relation, x.declared) == ("sample_hourly", "keep 90 d")]
    assert kept.chunks == chunks
    assert 0 < kept.columnstore_chunks < chunks
    assert kept.bytes > 0
    assert kept.oldest == now - 59 * DAY


@timescale_only
def test_the_report_shows_what_differs(url: str) -> None:
    with session(url) as conn:
        conn.execute("SELECT remove_retention_policy('fature.sample_hourly')")
        conn.execute("SELECT add_retention_policy('fature.rollup_hourly_week', interval '1 day')")
        alter_job(
            conn, REFRESH, "rollup_hourly_hour", "config => config || '{\"end_offset\": null}'"
        )
    lines = report(url, "timescale", parse_keep("daily=720"), datetime.now(UTC))
    differing = {(line.relation, line.declared, line.actual) for line in lines if not line.in_line}
    assert differing >= {
        ("sample_hourly", "keep 90 d", "nothing"),
        ("sample_daily", "keep 720 d", "keep 730 d"),
        ("rollup_hourly_hour", "refresh from 87 d to 15 min ago", "refresh with open ends"),
        ("rollup_hourly_week", "nothing", "keep 1 d"),
    }
    assert not [line for line in lines if "real_time" in line.relation and not line.in_line]


def test_the_oldest_sample_is_told_not_where_its_chunk_begins(
    engine: Engine, database: str
) -> None:
    now = datetime.now(UTC)
    oldest = now - timedelta(days=40)
    with session(database) as conn:
        store(conn, "hourly", [(oldest, 1, new_series(conn, "hourly"), 1.0)])
    lines = [one for one in report(database, engine, KEEP, now) if one.relation == "sample_hourly"]
    assert {one.oldest for one in lines} == {oldest}


@timescale_only
def test_the_oldest_bucket_of_a_rollup_is_told_not_where_its_chunk_begins(url: str) -> None:
    now = datetime.now(UTC)
    oldest = now - timedelta(days=40)
    with session(url) as conn:
        store(conn, "hourly", [(oldest, 1, new_series(conn, "hourly"), 1.0)])
        refresh(conn, "hourly", oldest - 70 * DAY, now)
    # As the pages ask, too.
    lines = report(serving_url(url), "timescale", KEEP, now)
    found = {one.relation: one.oldest for one in lines}
    hour = oldest.replace(minute=0, second=0, microsecond=0)
    assert found["rollup_hourly_hour"] == hour
    assert found["rollup_hourly_day"] == hour.replace(hour=0)
    assert found["rollup_daily_day"] is None


def test_the_plain_engine_needs_no_policies_and_reports_what_it_deletes(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    url = servers("plain").new_database()
    assert not reconcile(url, "plain", KEEP, check_whole_hours("UTC"), datetime.now(UTC))
    with session(url) as conn:
        oldest = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        store(conn, "daily", [(oldest, 1, new_series(conn, "daily"), 1.0)])
    lines = {line.relation: line for line in report(url, "plain", KEEP, datetime.now(UTC))}
    samples = {f"sample_{frequency}" for frequency in FREQUENCIES}
    imported = {f"imported_{frequency}" for frequency in FREQUENCIES if frequency != "monthly"}
    assert set(lines) == samples | imported | {"service_health", "alert_event"}
    assert all(line.in_line and line.bytes > 0 for line in lines.values())
    assert lines["sample_daily"].declared == "keep 730 d"
    assert lines["sample_daily"].oldest == oldest
    assert lines["sample_hourly"].oldest is None


def test_the_plain_engine_keeps_exactly_what_is_inside(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    url = servers("plain").new_database()
    now = datetime.now(UTC)
    keep = parse_keep("real_time=2,hourly=10,daily=400,monthly=1000,service_health=5")
    tick = timedelta(microseconds=1)
    with session(url) as conn:
        for frequency in FREQUENCIES:
            series, edge = new_series(conn, frequency), now - keep[frequency]
            ages = (edge - 100 * DAY, edge - tick, edge, edge + tick, now)
            store(conn, frequency, [(ts, n, series, 1.0) for n, ts in enumerate(ages)])
            # As long as days; months for ever.
            for n, ts in enumerate((now - 1825 * DAY - tick, now - 1825 * DAY)):
                conn.execute(
                    f"INSERT INTO fature.imported_{frequency} (ts, id, series_id, value, batch_id) "
                    "VALUES (%s, %s, %s, 1, 1)",
                    [ts, n, series],
                )
        report_health(conn, [now - 5 * DAY - tick, now - 5 * DAY, now])
        deleted = delete_expired(url, "plain", keep, now)
        assert deleted == {f"sample_{frequency}": 2 for frequency in FREQUENCIES} | {
            "imported_real_time": 1,
            "imported_hourly": 1,
            "imported_daily": 1,
            "service_health": 1,
            "alert_event": 0,
            "idempotency": 0,
            "source": 0,
        }
        for frequency in FREQUENCIES:
            ids = conn.execute(f"SELECT id FROM fature.sample_{frequency} ORDER BY id").fetchall()
            assert ids == [(2,), (3,), (4,)]
        assert number(conn, "SELECT count(*) FROM fature.imported_monthly") == 2
        assert number(conn, "SELECT count(*) FROM fature.service_health") == 2
    assert set(delete_expired(url, "plain", keep, now).values()) == {0}


def test_the_plain_engine_deletes_more_than_fits_one_batch(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    url = servers("plain").new_database()
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, "real_time")
        old = ((now - 30 * DAY, n, series, 1.0) for n in range(45_000))
        store(conn, "real_time", old)
        store(conn, "real_time", [(now, 45_000, series, 1.0)])
        assert delete_expired(url, "plain", KEEP, now)["sample_real_time"] == 45_000
        assert number(conn, "SELECT count(*) FROM fature.sample_real_time") == 1


@timescale_only
def test_samples_on_timescaledb_are_left_to_its_policies(url: str) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        store(conn, "real_time", [(now - 30 * DAY, 1, new_series(conn, "real_time"), 1.0)])
        assert delete_expired(url, "timescale", KEEP, now) == {"idempotency": 0, "source": 0}
        assert number(conn, "SELECT count(*) FROM fature.sample_real_time") == 1


def test_idempotency_keys_are_forgotten_after_24_hours(engine: Engine, database: str) -> None:
    now = datetime.now(UTC)
    tick = timedelta(microseconds=1)
    created = {"old": now - DAY - tick, "edge": now - DAY, "new": now}
    with session(database) as conn:
        for key, at in created.items():
            conn.execute(
                """
                INSERT INTO fature.idempotency
                    (principal, idempotency_key, body_sha256, first_id, sample_count, created_at)
                VALUES ('someone', %(key)s, '', 1, 1, %(at)s)
                """,
                {"key": key, "at": at},
            )
        assert delete_expired(database, engine, KEEP, now)["idempotency"] == 1
        left = conn.execute("SELECT idempotency_key FROM fature.idempotency ORDER BY 1").fetchall()
        assert left == [("edge",), ("new",)]


def test_sources_are_forgotten_after_90_days(engine: Engine, database: str) -> None:
    now = datetime.now(UTC)
    tick = timedelta(microseconds=1)
    with session(database) as conn:
        for number, at in enumerate((now - 90 * DAY - tick, now - 90 * DAY, now)):
            conn.execute(
                "INSERT INTO fature.source (source, newest) VALUES (%s, %s)",
                [f"{number:032x}", microseconds(at)],
            )
        assert delete_expired(database, engine, KEEP, now)["source"] == 1
        left = conn.execute(
            "SELECT right(source::text, 1) FROM fature.source ORDER BY 1"
        ).fetchall()
        assert left == [("1",), ("2",)]


def report_health(conn: Conn, instants: list[datetime]) -> None:
    for ts in instants:
        conn.execute(
            """
            INSERT INTO fature.service_health (ts, service_name, status)
            VALUES (%(ts)s, 'payment-service', 'healthy')
            """,
            {"ts": ts},
        )


def alter_job(conn: Conn, kind: str, relation: str, change: str) -> None:
    """`change` is an argument of alter_job, in SQL; it may refer to the job's config."""
    statement = f"""
        SELECT alter_job(j.job_id, {change})
        FROM timescaledb_information.jobs AS j
        LEFT JOIN timescaledb_information.continuous_aggregates AS c
            ON j.hypertable_name = c.materialization_hypertable_name
        WHERE
            j.proc_name = %(kind)s
            AND coalesce(c.view_name, j.hypertable_name) = %(relation)s
    """
    found = conn.execute(statement.encode(), {"kind": kind, "relation": relation}).fetchall()
    assert len(found) == 1


@timescale_only
def test_samples_kept_longer_again_are_aggregated_as_far_back_as_none_was_dropped(url: str) -> None:
    now = datetime.now(UTC)
    zone = check_whole_hours("UTC")
    reconcile(url, "timescale", parse_keep("hourly=20"), zone, now)
    windows = []
    for days in (0, 30, 70):
        reconcile(url, "timescale", KEEP, zone, now + days * DAY)
        found = policies_of(url)
        assert Retention("sample_hourly", 90 * DAY) in found
        complete = KEEP | {"hourly": (20 + days) * DAY}
        assert [policy for policy in declared(KEEP, complete) if policy not in found] == []
        windows.append(accept_windows(url, KEEP, now + days * DAY)["hourly"])
    assert windows == [accept_ages({**KEEP, "hourly": age * DAY})["hourly"] for age in (20, 50, 90)]
    assert is_as_declared(url)
