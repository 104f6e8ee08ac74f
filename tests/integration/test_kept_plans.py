"""Plans that a connection keeps: made once, right ever after."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from service.metrics.query.rollups import Buckets, Rollups
from sql.database import Pool, connection, create_pool, fetch_prepared
from sql.engine import Engine
from sql.errors import DataRejected
from sql.statements import Query, query
from tests.conftest import DatabaseServer
from tests.deploy.pgbouncer import PROGRAM, pgbouncer
from tests.integration.rollups import (
    new_series,
    refresh,
    rollup_query,
    session,
    store,
    timescale_only,
    watermarks,
)

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
STATEMENT = query("keep_plans")
DAYS = Buckets(("hourly",), "day", "day", "UTC", None)


async def plans(pool: Pool) -> list[tuple[int, int]]:
    """How often each prepared statement was run with its one plan, and with plans of its own."""
    async with connection(pool) as conn:
        found = await conn.execute("SELECT generic_plans, custom_plans FROM pg_prepared_statements")
        return [(row["generic_plans"], row["custom_plans"]) for row in await found.fetchall()]


@pytest.fixture
async def keeper(database: str) -> AsyncIterator[Pool]:
    """A pool of one connection, which keeps plans."""
    async with create_pool(database, size=1, keeps_plans=True) as opened:
        yield opened


async def test_one_plan_does_for_all_values(keeper: Pool) -> None:
    for told in range(10):
        assert await fetch_prepared(keeper, STATEMENT, {"told": told}) == [(False,)]
    # From the second time on.
    assert await plans(keeper) == [(9, 0)]


async def test_what_fails_leaves_nothing_prepared(keeper: Pool) -> None:
    """Not even where it fails the time that it is prepared: psycopg does not count it then."""
    for number in range(5):
        divided = Query("divided", sql.SQL("SELECT 1 / %(by)s::integer, {}").format(number))
        assert await fetch_prepared(keeper, divided, {"by": 1}) == [(1, number)]
        with pytest.raises(DataRejected):
            await fetch_prepared(keeper, divided, {"by": 0})
    assert await plans(keeper) == []


async def test_a_migration_under_way_breaks_no_kept_statement(keeper: Pool) -> None:
    async with connection(keeper) as conn:
        await conn.execute("CREATE TEMP TABLE changed AS SELECT 1 AS value")
    read = Query("read", sql.SQL("SELECT value FROM changed"))
    for _ in range(3):
        assert await fetch_prepared(keeper, read, {}) == [(1,)]
    assert await plans(keeper) == [(2, 0)]
    async with connection(keeper) as conn:
        # Not as psycopg would see it.
        change = "DO $$ BEGIN ALTER TABLE changed ALTER value TYPE text; END $$"
        await conn.execute(change, prepare=False)
    for _ in range(3):
        assert await fetch_prepared(keeper, read, {}) == [("1",)]


async def test_other_pools_plan_every_statement_with_its_values(pool: Pool) -> None:
    for told in range(10):
        assert await fetch_prepared(pool, STATEMENT, {"told": told}) == [(False,)]
    assert await plans(pool) == []
    async with connection(pool) as conn:
        found = await conn.execute("SHOW plan_cache_mode")
        assert await found.fetchall() == [{"plan_cache_mode": "auto"}]


@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")
async def test_behind_a_pooler_nothing_is_prepared(database: str) -> None:
    with pgbouncer(database) as url:
        async with create_pool(url, size=1, keeps_plans=True) as pool:
            for told in range(10):
                assert await fetch_prepared(pool, STATEMENT, {"told": told}) == [(False,)]
            assert await plans(pool) == []


@timescale_only
async def test_a_kept_plan_follows_watermarks_chunks_and_late_samples(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    """Everything that changes what a plan was made of comes after it was made."""
    url = servers("timescale").new_database()
    with session(url) as conn:
        series = new_series(conn, "hourly")
        async with create_pool(url, size=1, keeps_plans=True) as pool:
            rollups = Rollups(pool)

            async def figures(since: datetime | None) -> dict[int, float | None]:
                """By how many days ago."""
                wanted = rollup_query(DAYS, since, "sum", [series], [0], 1000)
                points = await rollups.points(wanted)
                return {(TODAY - point.start).days: point.value for point in points}

            def sample(days: int, value: float) -> None:
                store(conn, "hourly", [(TODAY - days * DAY, round(value), series, value)])

            since = TODAY - 40 * DAY
            assert await figures(since) == {}
            # The first chunk, above the watermark.
            sample(3, 1)
            assert await figures(since) == {3: 1}
            # Materialised: it is below the watermark now.
            refresh(conn, "hourly", TODAY - 60 * DAY, TODAY)
            assert watermarks(conn)["rollup_hourly_day"] == TODAY - 2 * DAY
            assert await figures(since) == {3: 1}
            # Late: visible once it is materialised, in older chunks, too.
            sample(3, 2)
            sample(30, 4)
            assert await figures(since) == {3: 1}
            refresh(conn, "hourly", TODAY - 60 * DAY, TODAY)
            assert await figures(since) == {3: 3, 30: 4}
            # New.
            sample(0, 8)
            assert await figures(since) == {3: 3, 30: 4, 0: 8}
            # Other ranges, in statements of their own.
            assert await figures(TODAY - 29 * DAY) == {3: 3, 0: 8}
            assert await figures(TODAY) == {0: 8}
            assert await figures(TODAY + DAY) == {}
            # Dropped as raw samples, kept as days.
            conn.execute("SELECT drop_chunks('fature.sample_hourly', %s)", [TODAY - 20 * DAY])
            assert await figures(since) == {3: 3, 30: 4, 0: 8}
            # Of the longest range all the time the same; the others were asked for once.
            assert await plans(pool) == [(6, 0)]


@timescale_only
async def test_a_plan_is_for_the_chunks_of_its_range(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    """Of a rollup with many: to plan, lock and open all would take longer than anything else."""
    url = servers("timescale").new_database()
    with session(url) as conn:
        series = new_series(conn, "real_time")
        conn.execute("SELECT set_chunk_time_interval('fature.rollup_real_time_hour', %s)", [DAY])
        store(conn, "real_time", [(TODAY - days * DAY, days, series, 1) for days in range(1, 41)])
        refresh(conn, "real_time", TODAY - 60 * DAY, TODAY)
        hours = Buckets(("real_time",), "hour", "hour", "UTC", None)
        async with create_pool(url, size=1, keeps_plans=True) as pool:
            wanted = rollup_query(hours, TODAY - 2 * DAY, "sum", [series], [0], 1000)
            for _ in range(2):
                assert len(await Rollups(pool).points(wanted)) == 2
            async with connection(pool) as opened:
                looked = await opened.execute(
                    "SELECT name FROM pg_prepared_statements WHERE statement ~ %s",
                    ["rollup_real_time_hour"],
                )
                (statement,) = await looked.fetchall()
                values = "'{1}', '{0}', '{now}', '{now}', 1"
                explain = f"EXPLAIN EXECUTE {statement['name']} ({values})"
                plan = await (await opened.execute(explain)).fetchall()
    chunks = {name for row in plan for name in re.findall(r"_hyper_\d+_\d+_chunk\b", str(row))}
    assert 0 < len(chunks) < 10
