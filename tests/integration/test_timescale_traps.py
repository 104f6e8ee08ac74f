"""Late and early samples, dropped samples, columnstore: no level of the rollups loses or
invents anything, whatever TimescaleDB would do by default.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from retention.apply import accept_windows, reconcile
from retention.policies import accept_ages, parse_keep
from sql.engine import Engine
from sql.timezones import check_whole_hours
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency, Level
from tests.conftest import DatabaseServer, run_refresh_jobs
from tests.integration.rollups import (
    Conn,
    Sample,
    all_differences,
    counted,
    everywhere,
    new_series,
    number,
    refresh,
    relation,
    run_policy,
    session,
    store,
    timescale_only,
    watermarks,
)

pytestmark = timescale_only

KEEP = parse_keep("")
ACCEPT = accept_ages(KEEP)
UTC_ZONE = check_whole_hours("UTC")
# What has whole buckets within the samples that are accepted, on any day of the year.
LONG_MATERIALISED = (
    *("real_time_minute", "real_time_hour", "real_time_day"),
    *("hourly_hour", "hourly_day", "hourly_week", "hourly_month"),
    *("daily_day", "daily_week", "daily_month", "monthly_month"),
)
each_frequency = pytest.mark.parametrize("frequency", FREQUENCIES)

Buckets = dict[datetime, tuple[float, int]]


@pytest.fixture
def url(servers: Callable[[Engine], DatabaseServer]) -> str:
    """A fresh, migrated TimescaleDB database in UTC, its scheduler asleep."""
    return servers("timescale").new_database()


def spread(now: datetime, oldest: timedelta, newest: timedelta, series: int) -> list[Sample]:
    """Sixty samples at even distances, each of the value 1."""
    step = (oldest - newest) / 59
    return [(now - oldest + n * step, n, series, 1.0) for n in range(60)]


def midnight_before(age: timedelta) -> datetime:
    """The start of the day in UTC that was `age` ago."""
    return (datetime.now(UTC) - age).replace(hour=0, minute=0, second=0, microsecond=0)


def buckets(conn: Conn, frequency: Frequency, level: Level, series: int) -> Buckets:
    """Sum and count of each bucket of a series."""
    statement = sql.SQL(
        "SELECT bucket, sum_value::float8, sample_count FROM {} WHERE series_id = %(series)s"
    ).format(relation(f"rollup_{frequency}_{level}"))
    rows = conn.execute(statement, {"series": series}).fetchall()
    return {bucket: (total, count) for bucket, total, count in rows}


def all_buckets(conn: Conn, frequency: Frequency, series: int) -> dict[Level, Buckets]:
    return {level: buckets(conn, frequency, level, series) for level in LEVELS[frequency]}


def with_one_more(
    conn: Conn, before: dict[Level, Buckets], ts: datetime, value: float
) -> dict[Level, Buckets]:
    """The buckets as they must be after a sample at `ts`."""
    after = {}
    for level, of_level in before.items():
        row = conn.execute("SELECT date_trunc(%s, %s, 'UTC')", [level, ts]).fetchone()
        assert row is not None
        total, count = of_level.get(row[0], (0.0, 0))
        after[level] = of_level | {row[0]: (total + value, count + 1)}
    return after


def materialise_history(url: str, conn: Conn, frequency: Frequency, now: datetime) -> None:
    """As if the policies had run ever since the first sample."""
    oldest = now - 3 * KEEP[frequency] - timedelta(days=70)
    refresh(conn, frequency, oldest, now - ACCEPT[frequency])
    run_refresh_jobs(url)


@each_frequency
def test_the_oldest_sample_that_is_accepted_counts_at_every_level_after_one_round(
    url: str, frequency: Frequency
) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, frequency)
        store(conn, frequency, spread(now, ACCEPT[frequency], timedelta(), series))
        run_refresh_jobs(url)
        late = now - ACCEPT[frequency] + timedelta(seconds=30)
        store(conn, frequency, [(late, 100, series, 5.0)])
        assert counted(conn, frequency, series) == everywhere(frequency, 60)
        run_refresh_jobs(url)
        assert counted(conn, frequency, series) == everywhere(frequency, 61)
        assert all_differences(conn, frequency) == {}


@pytest.mark.parametrize(
    ("frequency", "age"),
    [
        ("real_time", timedelta(seconds=20)),
        ("hourly", timedelta(minutes=30)),
        ("daily", timedelta(days=20)),
        ("monthly", timedelta(days=300)),
    ],
)
def test_a_sample_newer_than_what_is_materialised_counts_at_every_level_at_once(
    url: str, frequency: Frequency, age: timedelta
) -> None:
    with session(url) as conn:
        series = new_series(conn, frequency)
        store(conn, frequency, spread(datetime.now(UTC), ACCEPT[frequency], timedelta(), series))
        run_refresh_jobs(url)
        store(conn, frequency, [(datetime.now(UTC) - age, 100, series, 1.0)])
        assert counted(conn, frequency, series) == everywhere(frequency, 61)
        assert all_differences(conn, frequency) == {}


@each_frequency
def test_a_late_sample_after_retention_adds_to_its_buckets_and_takes_nothing_from_others(
    url: str, frequency: Frequency
) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, frequency)
        store(conn, frequency, spread(now, 3 * KEEP[frequency], timedelta(), series))
        materialise_history(url, conn, frequency, now)
        before = all_buckets(conn, frequency, series)
        assert all_differences(conn, frequency) == {}
        run_policy(conn, "policy_retention", f"sample_{frequency}")
        left = number(conn, f"SELECT count(*) FROM fature.sample_{frequency}")
        assert 20 <= left < 60
        late = now - ACCEPT[frequency] + timedelta(seconds=30)
        store(conn, frequency, [(late, 100, series, 5.0)])
        for _ in range(2):
            run_refresh_jobs(url)
            assert all_buckets(conn, frequency, series) == with_one_more(conn, before, late, 5.0)


def test_history_outlives_a_retention_that_is_shortened(url: str) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, "hourly")
        store(conn, "hourly", spread(now, timedelta(days=80), timedelta(), series))
        run_refresh_jobs(url)
        before = all_buckets(conn, "hourly", series)
        shorter = parse_keep("hourly=20")
        reconcile(url, "timescale", shorter, UTC_ZONE, now)
        run_policy(conn, "policy_retention", "sample_hourly")
        assert number(conn, "SELECT count(*) FROM fature.sample_hourly") < 30
        late = now - accept_ages(shorter)["hourly"] + timedelta(seconds=30)
        store(conn, "hourly", [(late, 100, series, 5.0)])
        run_refresh_jobs(url)
        assert all_buckets(conn, "hourly", series) == with_one_more(conn, before, late, 5.0)


def test_history_outlives_a_retention_that_is_lengthened_again(url: str) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, "hourly")
        store(conn, "hourly", spread(now, timedelta(days=80), timedelta(), series))
        run_refresh_jobs(url)
        before = all_buckets(conn, "hourly", series)
        reconcile(url, "timescale", parse_keep("hourly=20"), UTC_ZONE, now)
        run_policy(conn, "policy_retention", "sample_hourly")
        reconcile(url, "timescale", KEEP, UTC_ZONE, now)
        late = now - accept_windows(url, KEEP, now)["hourly"] + timedelta(seconds=30)
        store(conn, "hourly", [(late, 100, series, 5.0)])
        run_refresh_jobs(url)
        assert all_buckets(conn, "hourly", series) == with_one_more(conn, before, late, 5.0)


def test_coarser_rollups_outlive_the_retention_of_finer_ones(url: str) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, "real_time")
        store(conn, "real_time", spread(now, timedelta(days=120), timedelta(), series))
        refresh(conn, "real_time", now - timedelta(days=200), now - ACCEPT["real_time"])
        run_refresh_jobs(url)
        before = all_buckets(conn, "real_time", series)
        for name in ("sample_real_time", "rollup_real_time_minute"):
            run_policy(conn, "policy_retention", name)
        late = now - ACCEPT["real_time"] + timedelta(seconds=30)
        store(conn, "real_time", [(late, 100, series, 5.0)])
        run_refresh_jobs(url)
        after = all_buckets(conn, "real_time", series)
        expected = with_one_more(conn, before, late, 5.0)
        assert min(after["minute"]) > now - timedelta(days=45)
        for level in ("hour", "day", "week", "month"):
            assert after[level] == expected[level]


def test_late_samples_on_bucket_starts_are_not_lost_where_batches_of_buckets_would_end(
    url: str,
) -> None:
    """Before 2.29 a refresh in batches loses rows of an invalidation that ends on a
    bucket start at the edge of a batch.
    """
    hour = timedelta(hours=1)
    first = midnight_before(timedelta(days=80))
    with session(url) as conn:
        series = new_series(conn, "hourly")
        every_hour = [(first + n * hour, n, series, 1.0) for n in range(24 * 80)]
        store(conn, "hourly", every_hour)
        run_refresh_jobs(url)
        for day in range(70):
            ten = first + timedelta(days=day) + 10 * hour
            late = [
                (ten + hour / 2, 1, series, 10.0),
                (ten + (1 + day % 4) * hour, 2, series, 100.0),
            ]
            store(conn, "hourly", late)
        run_refresh_jobs(url)
        assert all_differences(conn, "hourly") == {}


@pytest.mark.parametrize("frequency", ["daily", "monthly"])
def test_late_samples_of_several_days_at_midnight_or_months_on_the_first_all_count(
    url: str, frequency: Frequency
) -> None:
    now = datetime.now(UTC)
    starts = {
        "daily": [midnight_before(timedelta(days=300 - n)) for n in range(10)],
        "monthly": [datetime(now.year - 3, month, 1, tzinfo=UTC) for month in range(1, 13)],
    }[frequency]
    with session(url) as conn:
        series = new_series(conn, frequency)
        store(conn, frequency, spread(now, ACCEPT[frequency], timedelta(), series))
        run_refresh_jobs(url)
        store(conn, frequency, [(ts, 100 + n, series, 1.0) for n, ts in enumerate(starts)])
        run_refresh_jobs(url)
        assert all_differences(conn, frequency) == {}


@pytest.mark.parametrize(
    ("frequency", "length", "step"),
    [
        # From one morning to the first hour of the day after next.
        ("hourly", timedelta(hours=38), timedelta(days=7)),
        # From one Thursday to the Monday of the week after next.
        ("daily", timedelta(days=11), timedelta(days=70)),
    ],
)
def test_late_samples_up_to_the_first_bucket_of_a_higher_level_count_there_too(
    url: str, frequency: Frequency, length: timedelta, step: timedelta
) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, frequency)
        store(conn, frequency, spread(now, ACCEPT[frequency], timedelta(), series))
        run_refresh_jobs(url)
        monday = midnight_before(ACCEPT[frequency] - timedelta(days=30))
        monday += timedelta(days=(-monday.weekday()) % 7)
        for n in range(3):
            end = monday + n * step + timedelta(minutes=30)
            late = [(end - length, 100, series, 1.0), (end, 101, series, 1.0)]
            store(conn, frequency, late)
            run_refresh_jobs(url)
        assert all_differences(conn, frequency) == {}


def test_no_watermark_is_ever_beyond_now_and_the_next_sample_counts_at_once(url: str) -> None:
    now = datetime.now(UTC)
    series: dict[Frequency, int] = {}
    with session(url) as conn:
        for frequency in FREQUENCIES:
            series[frequency] = new_series(conn, frequency)
            samples = spread(now, ACCEPT[frequency], -timedelta(minutes=5), series[frequency])
            store(conn, frequency, samples)
        for _ in range(2):
            run_refresh_jobs(url)
            marks = watermarks(conn)
            assert marks.keys() >= {f"rollup_{name}" for name in LONG_MATERIALISED}
            assert max(marks.values()) <= datetime.now(UTC)
        for frequency in FREQUENCIES:
            store(conn, frequency, [(datetime.now(UTC), 100, series[frequency], 1.0)])
            assert counted(conn, frequency, series[frequency]) == everywhere(frequency, 61)
            assert all_differences(conn, frequency) == {}


def test_a_refresh_of_nothing_moves_no_watermark_beyond_now(url: str) -> None:
    run_refresh_jobs(url)
    with session(url) as conn:
        assert max(watermarks(conn).values(), default=datetime.now(UTC)) <= datetime.now(UTC)
        for frequency in FREQUENCIES:
            series = new_series(conn, frequency)
            store(conn, frequency, [(datetime.now(UTC), 1, series, 1.0)])
            assert counted(conn, frequency, series) == everywhere(frequency, 1)


def test_one_round_of_refreshes_climbs_all_levels_even_if_the_lowest_has_the_newest_job(
    url: str,
) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        conn.execute("SELECT remove_continuous_aggregate_policy('fature.rollup_hourly_hour')")
        assert len(reconcile(url, "timescale", KEEP, UTC_ZONE, now).add) == 1
        series = new_series(conn, "hourly")
        store(conn, "hourly", spread(now, ACCEPT["hourly"], timedelta(), series))
        run_refresh_jobs(url)
        store(conn, "hourly", [(now - timedelta(days=60), 100, series, 1.0)])
        run_refresh_jobs(url)
        assert counted(conn, "hourly", series) == everywhere("hourly", 61)


@each_frequency
def test_columnstore_changes_no_figure_and_takes_late_samples(
    url: str, frequency: Frequency
) -> None:
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, frequency)
        store(conn, frequency, spread(now, ACCEPT[frequency], timedelta(), series))
        run_refresh_jobs(url)
        before = all_buckets(conn, frequency, series)
        run_policy(conn, "policy_compression", f"sample_{frequency}")
        # Of the oldest chunk only minutes may be left in which samples are accepted.
        late = newest_columnstore_chunk(conn, f"sample_{frequency}") + timedelta(minutes=30)
        assert now - ACCEPT[frequency] < late
        assert all_buckets(conn, frequency, series) == before
        assert all_differences(conn, frequency) == {}
        store(conn, frequency, [(late, 100, series, 5.0)])
        run_refresh_jobs(url)
        expected = with_one_more(conn, before, late, 5.0)
        assert all_buckets(conn, frequency, series) == expected
        run_policy(conn, "policy_compression", f"sample_{frequency}")
        run_refresh_jobs(url)
        assert all_buckets(conn, frequency, series) == expected
        assert all_differences(conn, frequency) == {}


def test_columnstore_keeps_health_reports(url: str) -> None:
    with session(url) as conn:
        conn.execute(
            """
            INSERT INTO fature.service_health (ts, service_name, status)
            SELECT now() - n * interval '12 hours', 'service-' || n % 3, 'healthy'
            FROM generate_series(0, 40) AS n
            """
        )
        before = conn.execute("SELECT * FROM fature.service_health ORDER BY ts").fetchall()
        run_policy(conn, "policy_compression", "service_health")
        newest_columnstore_chunk(conn, "service_health")
        assert conn.execute("SELECT * FROM fature.service_health ORDER BY ts").fetchall() == before


def newest_columnstore_chunk(conn: Conn, hypertable: str) -> datetime:
    """Start of the newest chunk in columnstore."""
    row = conn.execute(
        """
        SELECT range_start FROM timescaledb_information.chunks
        WHERE hypertable_name = %(name)s AND is_compressed
        ORDER BY range_start DESC
        LIMIT 1
        """,
        {"name": hypertable},
    ).fetchone()
    assert row is not None, "nothing is in columnstore"
    start: datetime = row[0]
    return start


def test_no_rollup_is_cut_into_more_chunks_than_a_question_can_open(url: str) -> None:
    """Left to itself, TimescaleDB gives months the chunks of minutes: 730 in five years."""
    for_ever = timedelta(days=3650)
    with session(url) as conn:
        found = conn.execute(
            "SELECT c.view_name, d.time_interval"
            " FROM timescaledb_information.continuous_aggregates AS c"
            " INNER JOIN timescaledb_information.dimensions AS d"
            " ON c.materialization_hypertable_name = d.hypertable_name"
        ).fetchall()
    most = {
        name: KEEP.get(name.rpartition("_")[2], for_ever) / interval for name, interval in found
    }
    assert len(most) == sum(len(levels) for levels in LEVELS.values())
    assert {name: number for name, number in most.items() if number > 30} == {}
