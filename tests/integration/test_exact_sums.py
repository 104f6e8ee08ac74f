"""Sums are exact decimals, and became so without a figure being lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import TupleRow

from retention.apply import reconcile
from retention.policies import parse_keep
from sql.decimals import exact_sum
from sql.engine import Engine
from sql.migration_files import FOLDER
from sql.migrator import migrate, rollback
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency, Level
from tests.conftest import DatabaseServer, run_refresh_jobs
from tests.integration.rollups import Conn, new_series, refresh, relation, session, store

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
MONDAY = (NOW - timedelta(days=NOW.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
# Of a week that no refresh policy covers any more, and of one that it does.
LONG_AGO = MONDAY - timedelta(weeks=30)
LATELY = MONDAY - timedelta(weeks=2)
CANCELLING = (1234567.89, -1234560.0)


# Came later; the policies of today are for them, too.
IMPORTED = b"".join(
    b"CREATE TABLE fature.imported_%(name)b (ts timestamptz NOT NULL, series_id integer) WITH ("
    b"timescaledb.hypertable, timescaledb.partition_column = 'ts', "
    b"timescaledb.segmentby = 'series_id');" % {b"name": name.encode()}
    for name in FREQUENCIES
)
NOT_IMPORTED = b"".join(
    b"DROP TABLE fature.imported_%(name)b;" % {b"name": name.encode()} for name in FREQUENCIES
)


def migrated(url: str) -> None:
    """As the commands leave it: with policies."""
    capability, _ = migrate(url, engine="auto", timezone="UTC", folder=FOLDER)
    reconcile(url, capability.engine, parse_keep(""), ZoneInfo("UTC"), NOW)


def undone(url: str, engine: Engine) -> None:
    """As it was when sums were doubles."""
    while (version := rollback(url, folder=FOLDER)) != "0013_exact_sums":
        assert version
    with session(url) as conn:
        if engine == "timescale":
            conn.execute(IMPORTED)
        reconcile(url, engine, parse_keep(""), ZoneInfo("UTC"), NOW)
        if engine == "timescale":
            conn.execute(NOT_IMPORTED)


def buckets(conn: Conn, frequency: Frequency, level: Level, series: int) -> list[TupleRow]:
    """Every bucket of a series, its sum as a double."""
    statement = sql.SQL(
        "SELECT bucket, sum_value::float8, sample_count, min_value, max_value, first_value,"
        " last_value FROM {} WHERE series_id = %s ORDER BY bucket"
    ).format(relation(f"rollup_{frequency}_{level}"))
    return conn.execute(statement, [series]).fetchall()


def history(conn: Conn, series: int) -> dict[Level, list[TupleRow]]:
    return {level: buckets(conn, "hourly", level, series) for level in LEVELS["hourly"]}


def sums(conn: Conn, series: int) -> set[object]:
    """Of the one bucket that each level has."""
    return {
        value
        for level in LEVELS["hourly"]
        for (value,) in conn.execute(
            sql.SQL("SELECT sum_value FROM {} WHERE series_id = %s").format(
                relation(f"rollup_hourly_{level}")
            ),
            [series],
        )
    }


def test_what_is_materialised_outlives_the_change_up_and_down(
    database_of: DatabaseServer, engine: Engine
) -> None:
    url = database_of.new_database()
    undone(url, engine)
    with session(url) as conn:
        old, late = new_series(conn, "hourly"), new_series(conn, "hourly")
        store(conn, "hourly", [(LONG_AGO + n * DAY / 4, n, old, n / 4) for n in range(28)])
        store(conn, "hourly", [(LATELY, n, late, value) for n, value in enumerate(CANCELLING)])
        if engine == "timescale":
            refresh(conn, "hourly", LONG_AGO - 60 * DAY, LONG_AGO + 60 * DAY)
            run_refresh_jobs(url)
            conn.execute("SELECT drop_chunks('fature.sample_hourly', %s)", [MONDAY - 100 * DAY])
        expected = history(conn, old)
        assert sum(row[2] for row in expected["day"]) == 28
        assert sums(conn, late) == {CANCELLING[0] + CANCELLING[1]} != {7.89}

        for _ in range(2):
            migrated(url)
            run_refresh_jobs(url)
            assert history(conn, old) == expected
            assert sums(conn, late) == {Decimal("7.89")}
            undone(url, engine)
            run_refresh_jobs(url)
            assert history(conn, old) == expected
            assert sums(conn, late) == {CANCELLING[0] + CANCELLING[1]}


@pytest.fixture(scope="module")
def conn(database_of: DatabaseServer) -> Iterator[Conn]:
    """For statements that change nothing."""
    with session(database_of.new_database()) as opened:
        yield opened


amounts = st.one_of(
    st.integers(-(10**12), 10**12).map(lambda number: number / 100),
    st.integers(-(10**16), 10**16).map(lambda number: number / 10_000),
    st.floats(allow_nan=False, allow_infinity=False),
)


@settings(deadline=None, max_examples=300)
@given(values=st.lists(amounts, min_size=1, max_size=8))
def test_the_sum_of_a_bucket_is_that_of_the_decimals(conn: Conn, values: list[float]) -> None:
    with conn.transaction(force_rollback=True):
        conn.execute("SET LOCAL client_min_messages = error")
        store(conn, "hourly", [(NOW, number, 1, value) for number, value in enumerate(values)])
        row = conn.execute(
            "SELECT sum_value = (SELECT sum(value::numeric) FROM fature.sample_hourly),"
            " fature.nearest_double(sum_value)"
            " FROM fature.rollup_hourly_day"
        ).fetchone()
    assert row == (True, exact_sum(values))


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_sums_beyond_any_double_keep_no_other_sample_from_being_counted(
    database: str, frequency: Frequency
) -> None:
    ages = {"real_time": DAY, "hourly": 20 * DAY, "daily": 100 * DAY, "monthly": 500 * DAY}
    ts = NOW - ages[frequency]
    with session(database) as conn:
        typo, other = new_series(conn, frequency), new_series(conn, frequency)
        store(conn, frequency, [(ts, 1, typo, 1e308), (ts, 2, typo, 1e308), (ts, 3, other, 0.1)])
        run_refresh_jobs(database)
        for level in LEVELS[frequency]:
            ((_, total, count, *_),) = buckets(conn, frequency, level, other)
            assert (total, count) == (0.1, 1)
