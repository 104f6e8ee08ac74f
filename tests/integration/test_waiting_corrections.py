"""Corrections that wait for another: with few connections. Jobs end once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from retention.policies import accept_ages, parse_keep
from service.access.caller import Caller, Principal
from service.metrics.catalog import MetricEntry
from service.metrics.corrections.selections import SelectionVoids, VoidSpec
from service.metrics.corrections.voids import Corrections
from service.metrics.ingest.ids import SampleIds
from service.metrics.query.selection import select
from sql.database import connection, create_pool, dedicated_connection, run
from sql.errors import NotFound
from sql.scope import Scope
from tests.integration.rollups import number, session

pytestmark = pytest.mark.one_engine

ACCEPT = accept_ages(parse_keep(""))
WAITING = """
SELECT count(*)
FROM pg_catalog.pg_locks AS l
INNER JOIN pg_catalog.pg_database AS d ON l.database = d.oid
WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
"""


def caller() -> Caller:
    return Caller(Principal("key:1", "admin", Scope()), datetime.now(UTC))


async def follow(_: object) -> None:
    """Nothing follows."""


async def waiting(url: str, least: int) -> int:
    """How many wait for their turn in the database, once they are so many."""
    with session(url) as conn:
        for _ in range(200):
            if number(conn, WAITING) >= least:
                break
            await asyncio.sleep(0.05)
        # Others had time to follow.
        await asyncio.sleep(0.3)
        return number(conn, WAITING)


@asynccontextmanager
async def during_another(url: str, *corrections: Awaitable[object]) -> AsyncIterator[list[Any]]:
    """Corrections begin while another holds them up; their results are there afterwards."""
    results: list[Any] = []
    async with dedicated_connection(url) as conn:
        async with conn.transaction():
            await run(conn, "lock_corrections")
            tasks = [asyncio.ensure_future(one) for one in corrections]
            yield results
        results += await asyncio.gather(*tasks, return_exceptions=True)


def test_corrections_that_wait_leave_connections_to_others(database: str) -> None:
    async def main() -> None:
        async with create_pool(database, size=2, timeout=3) as pool:
            corrections = Corrections(pool, SampleIds(pool), ACCEPT, follow)
            voids = [corrections.void(caller(), sample, "A typo") for sample in range(3)]
            async with during_another(database, *voids) as results:
                assert await waiting(database, 1) == 1
                async with connection(pool) as conn:
                    await run(conn, "is_anything_stale")
            assert [type(one) for one in results] == [NotFound] * 3

    asyncio.run(main())


def test_voids_of_selections_that_wait_have_two_connections(database: str) -> None:
    async def main() -> None:
        async with create_pool(database, size=2) as pool:
            voids = SelectionVoids(database, pool, ACCEPT, follow)
            spec = VoidSpec(
                metric_name="nobodys",
                selection=select(Scope(), MetricEntry("nobodys"), {}),
                since=None,
                before=None,
                reason="A typo",
            )
            asked = [voids.void(caller(), spec) for _ in range(4)]
            async with during_another(database, *asked) as results:
                assert await waiting(database, 2) == 2
            assert [one.number for one in results] == [0] * 4

    asyncio.run(main())


def test_a_job_ends_once(database: str) -> None:
    with session(database) as conn:
        job = number(
            conn,
            "INSERT INTO fature.void_job "
            "(tenant, metric_name, reason, actor, series, since, before, total) "
            "VALUES ('default', 'sales', 'A typo', 'key:1', '{}', '-infinity', 'infinity', 0) "
            "RETURNING job_id",
        )

        async def end() -> None:
            async with dedicated_connection(database) as one:
                await run(one, "end_void_job", {"job_id": job})

        ends = "SELECT status, ended_at FROM fature.void_job"
        asyncio.run(end())
        first = conn.execute(ends).fetchall()
        asyncio.run(end())
        assert conn.execute(ends).fetchall() == first
        assert first[0][0] == "done"
