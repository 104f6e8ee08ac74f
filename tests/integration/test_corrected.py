"""Rollups after corrections: refreshed where samples were voided, and nowhere else."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from retention.policies import accept_ages, parse_keep
from service.access.caller import Caller, Principal
from service.metrics.corrections.jobs import VoidJobs
from service.metrics.corrections.stale import StaleRollups
from service.metrics.corrections.voids import Corrections
from service.metrics.ingest.ids import SampleIds
from sql.database import create_pool, dedicated_connection
from sql.engine import Engine
from sql.scope import Scope
from sql.vocabulary import FREQUENCIES, Frequency
from tests.conftest import DatabaseServer
from tests.integration.rollups import (
    Conn,
    all_differences,
    counted,
    everywhere,
    new_series,
    number,
    refresh,
    run_policy,
    session,
    store,
    timescale_only,
)

pytestmark = timescale_only

ZONE = "America/Sao_Paulo"
HOUR = timedelta(hours=1)
# Back to where each is materialised, and the distance between two of its buckets.
DAYS: dict[Frequency, tuple[int, timedelta]] = {
    "real_time": (3, timedelta(minutes=1)),
    "hourly": (40, HOUR),
    "daily": (200, timedelta(days=1)),
    "monthly": (900, timedelta(days=31)),
}


@pytest.fixture(scope="module")
def server(servers: Callable[[Engine], DatabaseServer]) -> DatabaseServer:
    return servers("timescale")


@pytest.fixture
def url(server: DatabaseServer) -> str:
    """A fresh, migrated TimescaleDB database in a zone west of Greenwich."""
    return server.new_database(ZONE)


def first_of_month(age: int) -> datetime:
    """The start of the local month so many days ago, which was UTC-3 ever since 2019."""
    day = datetime.now(UTC) - timedelta(days=age)
    return day.replace(day=1, hour=3, minute=0, second=0, microsecond=0)


def correct(url: str, *numbers: int, refreshing: bool = True) -> None:
    """Void those samples as the service would."""

    async def run() -> None:
        stale = StaleRollups(url if refreshing else None)

        async def follow(_: object) -> None:
            await stale.refresh()

        async with create_pool(url, size=2) as pool:
            accept = accept_ages(parse_keep(""))
            corrections = Corrections(pool, SampleIds(pool), accept, follow)
            caller = Caller(Principal("key:1", "admin", Scope()), datetime.now(UTC))
            for sample in numbers:
                await corrections.void(caller, sample, "A typo")
        await stale.close()

    asyncio.run(run())


def stale_ranges(conn: Conn) -> int:
    return number(conn, "SELECT count(*) FROM fature.stale_range")


def into_columns(conn: Conn, frequency: Frequency) -> None:
    chunks = conn.execute(
        "SELECT format('%%I.%%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks "
        "WHERE hypertable_name = %s",
        [f"sample_{frequency}"],
    ).fetchall()
    for (chunk,) in chunks:
        conn.execute("CALL convert_to_columnstore(%s)", [chunk])


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_samples_in_columns_are_voided_and_no_level_keeps_them(
    url: str, frequency: Frequency
) -> None:
    age, step = DAYS[frequency]
    with session(url) as conn:
        one, other = new_series(conn, frequency), new_series(conn, frequency)
        start = (
            datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
            - timedelta(days=age)
            if frequency in ("real_time", "hourly")
            else first_of_month(age)
        )
        # Up to exactly the start of a day, a month where that may be.
        store(
            conn,
            frequency,
            [(start + n * step, 10 + n, one, 1.0) for n in range(-3, 1)]
            + [(start, 100 + n, other, 2.0) for n in range(3)],
        )
        refresh(conn, frequency, start - timedelta(days=400), start + timedelta(days=400))
        into_columns(conn, frequency)
        assert counted(conn, frequency, one) == everywhere(frequency, 4)
        correct(url, 7, 8, 9, 10, 101)
        assert counted(conn, frequency, one) == everywhere(frequency, 0)
        assert counted(conn, frequency, other) == everywhere(frequency, 2)
        assert all_differences(conn, frequency, ZONE) == {}
        assert stale_ranges(conn) == 0
        assert number(conn, "SELECT count(*) FROM fature.void") == 5


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_what_one_transaction_deletes_up_to_a_bucket_start_is_gone_everywhere(
    url: str, frequency: Frequency
) -> None:
    """TimescaleDB would leave the last bucket as it was (timescaledb#10296)."""
    age, step = DAYS[frequency]
    with session(url) as conn:
        series = new_series(conn, frequency)
        day = datetime.now(UTC) - timedelta(days=age)
        start = day.replace(hour=3, minute=0, second=0, microsecond=0)
        start = first_of_month(age) if frequency == "monthly" else start
        store(conn, frequency, [(start - step, 1, series, 5.0), (start, 2, series, 7.0)])
        refresh(conn, frequency, start - timedelta(days=400), start + timedelta(days=400))
        assert counted(conn, frequency, series) == everywhere(frequency, 2)
        conn.execute(f"DELETE FROM fature.sample_{frequency} WHERE series_id = {series}")
        conn.execute("SELECT fature.await_refresh(%s, %s, %s)", [frequency, start - step, start])
        conn.execute("CALL fature.refresh_corrected()")
        assert counted(conn, frequency, series) == everywhere(frequency, 0)
        assert all_differences(conn, frequency, ZONE) == {}


def test_where_samples_were_dropped_nothing_is_computed_again(url: str) -> None:
    """The samples of a metric are gone, its figures are not; another's correction is near."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with session(url) as conn:
        series = new_series(conn, "hourly")
        old = [(now - timedelta(days=130) + n * HOUR, n, series, 1.0) for n in range(48)]
        recent = [(now - timedelta(days=50) + n * HOUR, 1000 + n, series, 1.0) for n in range(48)]
        store(conn, "hourly", old + recent)
        refresh(conn, "hourly", now - timedelta(days=200), now - timedelta(days=3))
        run_policy(conn, "policy_retention", "sample_hourly")
        assert number(conn, "SELECT count(*) FROM fature.sample_hourly") == 48
        assert counted(conn, "hourly", series) == everywhere("hourly", 96)
        conn.execute(
            "SELECT fature.await_refresh('hourly', %s, %s)",
            [now - timedelta(days=150), now - timedelta(days=30)],
        )
        conn.execute("CALL fature.refresh_corrected()")
        assert counted(conn, "hourly", series) == everywhere("hourly", 96)
        correct(url, 1000)
        assert counted(conn, "hourly", series) == everywhere("hourly", 95)


def test_no_refresh_freezes_what_is_live(url: str) -> None:
    """A refresh beyond the watermark would hide what comes later."""
    now = datetime.now(UTC)
    with session(url) as conn:
        series = new_series(conn, "hourly")
        at = now - timedelta(hours=5)
        store(conn, "hourly", [(at, 1, series, 1.0), (now, 2, series, 1.0)])
        refresh(conn, "hourly", now - timedelta(days=120), now - timedelta(days=40))
        correct(url, 1, 2)
        store(conn, "hourly", [(now, 3, series, 1.0), (now - HOUR, 4, series, 1.0)])
        assert counted(conn, "hourly", series) == everywhere("hourly", 2)


def test_the_job_of_the_database_refreshes_where_the_service_may_not(url: str) -> None:
    with session(url) as conn:
        series = new_series(conn, "hourly")
        at = datetime.now(UTC) - timedelta(days=40)
        store(conn, "hourly", [(at, 1, series, 1.0), (at, 2, series, 1.0)])
        refresh(conn, "hourly", at - timedelta(days=40), at + timedelta(days=35))
        correct(url, 1, refreshing=False)
        assert counted(conn, "hourly", series) == everywhere("hourly", 2)
        assert stale_ranges(conn) == 1
        job = number(
            conn,
            "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'refresh_corrected' "
            "AND schedule_interval < interval '1 minute'",
        )
        conn.execute("CALL run_job(%s)", [job])
        assert counted(conn, "hourly", series) == everywhere("hourly", 1)
        assert stale_ranges(conn) == 0


def test_a_refresh_that_fails_is_tried_again(url: str) -> None:
    with session(url) as conn:
        series = new_series(conn, "hourly")
        at = datetime.now(UTC) - timedelta(days=40)
        store(conn, "hourly", [(at, 1, series, 1.0), (at, 2, series, 1.0)])
        refresh(conn, "hourly", at - timedelta(days=40), at + timedelta(days=35))
        conn.execute("ALTER PROCEDURE fature.refresh_corrected RENAME TO refresh_later")

        async def back() -> None:
            stale = StaleRollups(url)
            trying = asyncio.create_task(stale.refresh())
            await asyncio.sleep(0.3)
            conn.execute("ALTER PROCEDURE fature.refresh_later RENAME TO refresh_corrected")
            await trying

        correct(url, 1, refreshing=False)
        asyncio.run(back())
        assert counted(conn, "hourly", series) == everywhere("hourly", 1)


def test_a_void_of_very_many_goes_on_where_it_was_broken_off(url: str) -> None:
    """In columns, where TimescaleDB by itself unpacks no more than 100,000 at once."""
    with session(url) as conn:
        series = new_series(conn, "hourly")
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=40)
        step = timedelta(seconds=4)
        store(conn, "hourly", [(start + n * step, n, series, 1.0) for n in range(120_000)])
        refresh(conn, "hourly", start - timedelta(days=40), start + timedelta(days=35))
        into_columns(conn, "hourly")
        conn.execute(
            """
            INSERT INTO fature.void_job (
                tenant, metric_name, reason, actor, series, since, before, total
            )
            SELECT tenant, metric_name, 'A typo', 'key:1',
                jsonb_build_object('hourly', format('{%%s}', series_id)),
                '-infinity', 'infinity', 120000
            FROM fature.series WHERE series_id = %s
            """,
            [series],
        )
        told: list[frozenset[tuple[str, str]]] = []

        async def follow(metrics: frozenset[tuple[str, str]]) -> None:
            told.append(metrics)
            await StaleRollups(url).refresh()

        async def begin() -> None:
            async with create_pool(url, size=2) as pool, dedicated_connection(url) as one:
                await VoidJobs(url, pool, follow, batch=110_000).advance(one)

        async def go_on() -> None:
            async with create_pool(url, size=2) as pool:
                await VoidJobs(url, pool, follow, batch=110_000).work()

        asyncio.run(begin())
        rest = number(conn, "SELECT count(*) FROM fature.sample_hourly")
        assert rest == 10_000
        assert number(conn, "SELECT done FROM fature.void_job") == 110_000
        assert told == []
        asyncio.run(go_on())
        assert number(conn, "SELECT count(*) FROM fature.sample_hourly") == 0
        assert conn.execute("SELECT done, status FROM fature.void_job").fetchall() == [
            (120_000, "done")
        ]
        assert len(told) == 1
        assert counted(conn, "hourly", series) == everywhere("hourly", 0)
