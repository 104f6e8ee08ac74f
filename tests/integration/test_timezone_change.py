"""`make timezone`: afterwards days, weeks and months are those of another zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from retention.apply import reconcile
from retention.policies import parse_keep
from sql.engine import Engine
from sql.migrator import migrate, status
from sql.timezone_change import change_timezone
from sql.timezones import BadTimezone
from sql.vocabulary import FREQUENCIES
from tests.conftest import DatabaseServer
from tests.integration.rollups import (
    Conn,
    all_differences,
    new_series,
    number,
    refresh,
    relation,
    session,
    store,
    timescale_only,
)

AGES = {
    "real_time": timedelta(days=6),
    "hourly": timedelta(days=80),
    "daily": timedelta(days=600),
    "monthly": timedelta(days=1500),
}
SAO_PAULO, AUCKLAND = "America/Sao_Paulo", "Pacific/Auckland"


def change(url: str, engine: Engine, timezone: str) -> None:
    change_timezone(url, timezone, "ana@cli")
    now = datetime.now(UTC)
    reconcile(url, engine, parse_keep(""), ZoneInfo(timezone), now, "ana@cli")


def fill(conn: Conn, now: datetime) -> None:
    """Samples of every frequency, two series each, some exactly at midnight of one zone."""
    for frequency in FREQUENCIES:
        series = [new_series(conn, frequency) for _ in range(2)]
        age = AGES[frequency]
        moments = [now - age * n / 150 for n in range(150)]
        midnight = (now - age / 2).replace(hour=0, minute=0, second=0, microsecond=0)
        moments += [midnight, midnight + timedelta(hours=3), midnight - timedelta(hours=13)]
        store(
            conn,
            frequency,
            [(ts, n, one, n % 7 - 2.25) for n, ts in enumerate(moments) for one in series],
        )


def materialise(conn: Conn, now: datetime) -> None:
    """As policies do: all but the newest."""
    for frequency in FREQUENCIES:
        refresh(conn, frequency, now - AGES[frequency] * 1.3 - timedelta(days=70), now)


@pytest.mark.parametrize("zones", [(SAO_PAULO,), (AUCKLAND, SAO_PAULO), (SAO_PAULO, "UTC")])
def test_figures_are_those_of_the_new_zone(
    engine: Engine, database: str, zones: tuple[str, ...]
) -> None:
    now = datetime.now(UTC)
    with session(database) as conn:
        fill(conn, now)
        if engine == "timescale":
            materialise(conn, now - timedelta(days=1))
        for zone in zones:
            change(database, engine, zone)
            for frequency in FREQUENCIES:
                assert all_differences(conn, frequency, zone) == {}, "as it was left"
        late = new_series(conn, "hourly")
        store(conn, "hourly", [(now - timedelta(hours=30), 1, late, 5.0)])
        if engine == "timescale":
            materialise(conn, now)
        for frequency in FREQUENCIES:
            assert all_differences(conn, frequency, zones[-1]) == {}, "materialised later"


@timescale_only
def test_nothing_is_lost_of_what_samples_and_hours_are_gone_of(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    """Counted once, under the dates that it had."""
    for former, zone in (("UTC", SAO_PAULO), ("UTC", AUCKLAND), (SAO_PAULO, "UTC")):
        database = servers("timescale").new_database(former)
        now = datetime.now(UTC)
        with session(database) as conn:
            fill(conn, now)
            materialise(conn, now)
            for name in ("sample_real_time", "sample_hourly", "sample_daily", "sample_monthly"):
                frequency = name.removeprefix("sample_")
                before = now - AGES[frequency] / 3
                conn.execute("SELECT drop_chunks(%s, older_than => %s)", [f"fature.{name}", before])
            for name in ("rollup_real_time_hour", "rollup_hourly_hour"):
                frequency = name.removeprefix("rollup_").removesuffix("_hour")
                before = now - AGES[frequency] / 2
                conn.execute("SELECT drop_chunks(%s, older_than => %s)", [f"fature.{name}", before])
            counts = totals(conn)
            oldest = dates(conn, former)
            change(database, "timescale", zone)
            assert totals(conn) == counts
            assert dates(conn, zone)[:3] == oldest[:3]


def totals(conn: Conn) -> dict[str, tuple[object, ...]]:
    found = {}
    for name in ("real_time_day", "hourly_day", "hourly_week", "daily_day", "daily_month"):
        statement = psycopg.sql.SQL("SELECT sum(sum_value), sum(sample_count) FROM {}").format(
            relation(f"rollup_{name}")
        )
        row = conn.execute(statement).fetchone()
        assert row is not None
        found[name] = row
    return found


def dates(conn: Conn, zone: str) -> list[object]:
    rows = conn.execute(
        "SELECT DISTINCT (bucket AT TIME ZONE %s)::date FROM fature.rollup_hourly_day ORDER BY 1",
        [zone],
    )
    return [date for (date,) in rows]


def definitions(conn: Conn) -> list[tuple[object, ...]]:
    """Everything that depends on the zone, as the database describes it."""
    return conn.execute(
        """
        SELECT
            c.relname,
            pg_get_viewdef(c.oid),
            obj_description(c.oid, 'pg_class'),
            c.relacl::text
        FROM pg_class AS c
        WHERE c.relnamespace IN ('fature'::regnamespace, 'analytics'::regnamespace)
            AND c.relkind = 'v'
        ORDER BY 1
        """
    ).fetchall()


def aggregates(conn: Conn) -> list[tuple[object, ...]]:
    return conn.execute(
        """
        SELECT
            c.view_name, c.view_definition, c.materialized_only, c.compression_enabled,
            d.time_interval,
            (
                SELECT array_agg(substring(pg_get_triggerdef(t.oid) FROM 'WHEN (.*) EXECUTE'))
                FROM pg_trigger AS t
                WHERE t.tgrelid = format(
                    '%I.%I',
                    c.materialization_hypertable_schema, c.materialization_hypertable_name
                )::regclass AND t.tgname = 'write_after_bucket_start'
            )
        FROM timescaledb_information.continuous_aggregates AS c
        INNER JOIN timescaledb_information.dimensions AS d
            ON c.materialization_hypertable_name = d.hypertable_name
        ORDER BY 1
        """
    ).fetchall()


def test_a_changed_database_is_like_one_that_was_set_up_with_the_zone(
    engine: Engine, database: str, database_of: DatabaseServer
) -> None:
    change(database, engine, SAO_PAULO)
    with session(database) as changed, session(database_of.new_database(SAO_PAULO)) as fresh:
        if engine == "plain":
            assert definitions(changed) == definitions(fresh)
        else:
            ours, theirs = ([row[0] for row in definitions(one)] for one in (changed, fresh))
            assert ours == theirs
            assert aggregates(changed) == aggregates(fresh)
        jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_schema <> ''"
        if engine == "timescale":
            assert number(changed, jobs) == number(fresh, jobs)
    assert migrate(database, engine="auto", timezone=SAO_PAULO)[1] == []


def test_it_is_recorded_with_who_did_it(engine: Engine, database: str) -> None:
    change(database, engine, SAO_PAULO)
    found = status(database)
    assert found is not None
    assert found.timezone == SAO_PAULO
    assert found.pending == []
    with session(database) as conn:
        rows = conn.execute(
            "SELECT actor, before, after FROM fature.audit_log WHERE action = 'timezone.change'"
        ).fetchall()
    assert rows == [("ana@cli", {"timezone": "UTC"}, {"timezone": SAO_PAULO})]


def test_the_same_zone_changes_nothing(engine: Engine, database: str) -> None:
    entries = "SELECT count(*) FROM fature.audit_log"
    with session(database) as conn:
        before = number(conn, entries)
        assert change_timezone(database, "UTC", "ana@cli") == "UTC"
        assert number(conn, entries) == before


@pytest.mark.parametrize("timezone", ["Asia/Kolkata", "America/Havana", "Mars/Olympus"])
def test_a_zone_whose_days_are_not_whole_hours_is_refused(database: str, timezone: str) -> None:
    with pytest.raises(BadTimezone, match=timezone):
        change_timezone(database, timezone, "ana@cli")
    found = status(database)
    assert found is not None
    assert found.timezone == "UTC"
