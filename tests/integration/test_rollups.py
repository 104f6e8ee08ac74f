"""Values of a bucket, the same on each engine."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from psycopg import sql

from sql.vocabulary import FREQUENCIES, LEVELS, Frequency
from tests.conftest import run_refresh_jobs
from tests.integration.rollups import Conn, all_differences, new_series, relation, session, store

# Within what is accepted and older than what stays live, at least of the first level.
AGES: dict[Frequency, timedelta] = {
    "real_time": timedelta(days=2),
    "hourly": timedelta(days=30),
    "daily": timedelta(days=200),
    "monthly": timedelta(days=900),
}


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_of_samples_at_the_same_instant_the_lowest_id_is_first_and_the_highest_last(
    database: str, order: tuple[int, ...]
) -> None:
    """Whatever the order they were written in, and the order of their values."""
    value = {1: 20.0, 2: 10.0, 3: 15.0}
    with session(database) as conn:
        series = {frequency: new_series(conn, frequency) for frequency in FREQUENCIES}
        for frequency, age in AGES.items():
            ts = datetime.now(UTC) - age
            for sample in order:
                store(conn, frequency, [(ts, sample, series[frequency], value[sample])])
        expected = {f: [(value[1], value[3])] * len(LEVELS[f]) for f in FREQUENCIES}
        assert {f: first_and_last(conn, f) for f in FREQUENCIES} == expected
        run_refresh_jobs(database)
        assert {f: first_and_last(conn, f) for f in FREQUENCIES} == expected


def first_and_last(conn: Conn, frequency: Frequency) -> list[tuple[float, float]]:
    """Of the one bucket that each level has."""
    found = []
    for level in LEVELS[frequency]:
        statement = sql.SQL("SELECT first_value, last_value FROM {}")
        name = relation(f"rollup_{frequency}_{level}")
        found += conn.execute(statement.format(name)).fetchall()
    return found


def test_every_level_agrees_with_its_samples_before_and_after_a_refresh(database: str) -> None:
    now = datetime.now(UTC)
    with session(database) as conn:
        for frequency, age in AGES.items():
            one, other = new_series(conn, frequency), new_series(conn, frequency)
            samples = [
                (now - age * n / 120, n, series, float(n * n % 17 - 8))
                for n in range(200)
                for series in (one, other)
            ]
            store(conn, frequency, samples)
            assert all_differences(conn, frequency) == {}
        run_refresh_jobs(database)
        for frequency in FREQUENCIES:
            assert all_differences(conn, frequency) == {}


def test_the_mean_of_a_bucket_is_that_of_its_samples_not_of_smaller_buckets(
    database: str,
) -> None:
    """Three samples in one minute, one in another: their mean is 2, that of the means 2.5."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    minute = timedelta(minutes=1)
    with session(database) as conn:
        series = new_series(conn, "real_time")
        values = [(start, 1.0), (start, 1.0), (start, 1.0), (start + minute, 5.0)]
        store(conn, "real_time", [(ts, n, series, v) for n, (ts, v) in enumerate(values)])
        for _ in ("live", "materialised"):
            for level in ("hour", "day", "week", "month"):
                statement = sql.SQL("SELECT avg_value, sample_count FROM {}").format(
                    sql.Identifier("analytics", f"metric_{level}")
                )
                assert conn.execute(statement).fetchall() == [(2.0, 4)]
            run_refresh_jobs(database)
