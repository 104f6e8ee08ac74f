"""Imported history in the rollups of TimescaleDB, beside what is left of samples that are gone."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from retention.policies import accept_ages, parse_keep
from service.metrics.corrections.stale import StaleRollups
from service.metrics.imports.counting import ImportCounting
from service.metrics.imports.windows import Windows
from sql.database import create_pool
from sql.engine import Engine
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency
from tests.conftest import DatabaseServer
from tests.integration.history import bring
from tests.integration.rollups import (
    Conn,
    new_series,
    refresh,
    session,
    store,
    timescale_only,
)

pytestmark = timescale_only

ZONE = "America/Sao_Paulo"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOWS = Windows(accept_ages(parse_keep("")), timedelta(days=1825), ZoneInfo(ZONE))
OLD: dict[Frequency, int] = {"real_time": 20, "hourly": 200, "daily": 800, "monthly": 1900}
Figures = tuple[Decimal, int, float, float, float, float]


@pytest.fixture(scope="module")
def server(servers: Callable[[Engine], DatabaseServer]) -> DatabaseServer:
    return servers("timescale")


@pytest.fixture
def url(server: DatabaseServer) -> str:
    """A fresh, migrated TimescaleDB database in a zone west of Greenwich."""
    return server.new_database(ZONE)


def noon(age: int) -> datetime:
    """Noon in São Paulo on the 15th of a month, about so many days ago."""
    day = datetime.now(UTC) - timedelta(days=age)
    return day.replace(day=15, hour=15, minute=0, second=0, microsecond=0)


def count(url: str, stretch: int = 50_000) -> None:
    """Have all figures computed as the service would."""

    async def run() -> None:
        stale = StaleRollups(url)

        async def follow(_: object) -> None:
            await stale.refresh()

        async with create_pool(url, size=2) as pool:
            await ImportCounting(url, pool, WINDOWS, follow, stretch).work()
        await stale.close()

    asyncio.run(run())


def figures(conn: Conn, frequency: Frequency, level: str, series: int) -> list[Figures]:
    rows = conn.execute(
        "SELECT sum_value, sample_count, min_value, max_value, first_value, last_value "
        f"FROM fature.rollup_{frequency}_{level} WHERE series_id = {series} ORDER BY bucket"
    )
    return [
        (Decimal(total), int(n), least, most, first, last)
        for total, n, least, most, first, last in rows
    ]


def statuses(conn: Conn) -> list[str]:
    return [status for (status,) in conn.execute("SELECT status FROM fature.import_job")]


def dropped(conn: Conn, frequency: Frequency, at: datetime, series: int, *values: float) -> None:
    """Samples of that time that were counted long ago and are gone."""
    store(conn, frequency, [(at, n, series, value) for n, value in enumerate(values)])
    refresh(conn, frequency, at - timedelta(days=400), at + timedelta(days=400))
    conn.execute(f"SELECT drop_chunks('fature.sample_{frequency}', older_than => now())")


def run_everything(conn: Conn) -> None:
    """Every policy that there is."""
    for (job,) in conn.execute(
        "SELECT job_id FROM timescaledb_information.jobs "
        "WHERE hypertable_schema = 'fature' ORDER BY proc_name DESC, job_id"
    ).fetchall():
        conn.execute("CALL run_job(%s)", [job])


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_another_series_keeps_the_figures_of_samples_that_are_gone(
    url: str, frequency: Frequency
) -> None:
    at = noon(OLD[frequency])
    with session(url) as conn:
        other, one = new_series(conn, frequency), new_series(conn, frequency)
        dropped(conn, frequency, at, other, 3.0, 5.0)
        levels = LEVELS[frequency]
        before = {level: figures(conn, frequency, level, other) for level in levels}
        assert all(before.values())
        bring(conn, frequency, [(at, 100, one, 0.1), (at + HOUR, 101, one, 0.2)])
        count(url)
        assert statuses(conn) == ["done"]
        for _ in range(2):
            assert {level: figures(conn, frequency, level, other) for level in levels} == before
            whole = figures(conn, frequency, levels[-1], one)
            assert whole == [(Decimal("0.3"), 2, 0.1, 0.2, 0.1, 0.2)]
            for level in levels[1:]:
                assert sum(total for total, *_ in figures(conn, frequency, level, one)) == Decimal(
                    "0.3"
                )
            run_everything(conn)


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_history_adds_to_figures_of_samples_that_are_gone(url: str, frequency: Frequency) -> None:
    """In the same bucket, twice, and once it is voided they are as before."""
    at = noon(OLD[frequency])
    with session(url) as conn:
        series = new_series(conn, frequency)
        dropped(conn, frequency, at, series, 3.0, 5.0)
        before = {level: figures(conn, frequency, level, series) for level in LEVELS[frequency]}
        bring(conn, frequency, [(at, 100, series, 1.0)])
        count(url)
        bring(conn, frequency, [(at, 101, series, 9.0)])
        count(url)
        for level in LEVELS[frequency]:
            found = figures(conn, frequency, level, series)
            assert found == [(Decimal(18), 4, 1.0, 9.0, 3.0, 9.0)], level
        conn.execute(f"DELETE FROM fature.imported_{frequency}")
        period = "month" if frequency == "monthly" else "day"
        conn.execute(
            f"SELECT fature.count_imported('{frequency}', NULL, "
            f"fature.bucket_start(%s, '{period}'), fature.bucket_start(%s, '{period}', 1), "
            "%s::integer [], %s::timestamptz [])",
            [at, at, [series, series], [at, at]],
        )
        conn.execute("SELECT fature.await_refresh(%s, %s, %s)", [frequency, at, at])
        conn.execute("CALL fature.refresh_corrected()")
        after = {level: figures(conn, frequency, level, series) for level in LEVELS[frequency]}
        assert after == before


def test_stretches_count_each_sample_once(url: str) -> None:
    start = noon(300)
    with session(url) as conn:
        series = new_series(conn, "hourly")
        rows = [(start + n * HOUR, n, series, 0.1) for n in range(60 * 24)]
        bring(conn, "hourly", rows)
        count(url, stretch=100)
        for level in LEVELS["hourly"]:
            found = figures(conn, "hourly", level, series)
            assert sum(total for total, *_ in found) == Decimal("144.0"), level
        assert len(figures(conn, "hourly", "hour", series)) == 60 * 24


def test_history_where_late_samples_wait_for_a_refresh(url: str) -> None:
    """Right behind the samples that are accepted: the last refresh of their bucket comes first."""
    accept, now = WINDOWS.accept["hourly"], datetime.now(UTC)
    at = (now - accept - 62 * MINUTE).replace(minute=0, second=0, microsecond=0)
    if at < now - accept - 119 * MINUTE:
        pytest.skip("once an hour no bucket is between both ages")
    with session(url) as conn:
        series = new_series(conn, "hourly")
        store(conn, "hourly", [(at + MINUTE, 1, series, 4.0)])
        bring(conn, "hourly", [(at, 2, series, 2.0), (at - 40 * DAY, 3, series, 1.0)])
        count(url)
        assert statuses(conn) == ["done"]
        for _ in range(2):
            for level in LEVELS["hourly"]:
                found = figures(conn, "hourly", level, series)
                assert sum(total for total, *_ in found) == 7, level
            run_everything(conn)
