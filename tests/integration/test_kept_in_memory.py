"""Copies in memory of the database: a change counts here as soon as it is made,
whatever readings are under way.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from service.access.tokens import Claims
from service.access.versions import UserVersions
from service.metrics.ingest.checks import Checks
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.sample import Sample
from service.metrics.ingest.series import SeriesCache, SeriesKey
from service.metrics.label_names import LabelNames
from sql.database import create_pool
from sql.scope import Scope
from sql.vocabulary import Frequency

pytestmark = pytest.mark.one_engine

CHANGES = 50
ACCEPT: dict[Frequency, int] = {"hourly": 1}


def make_slow(database: str, table: str) -> None:
    """Reading that table takes up to 20 ms, each time another, of what it was at the start. It is
    written as `written`.
    """
    with psycopg.connect(database) as conn:
        conn.execute(f"ALTER TABLE fature.{table} RENAME TO written")
        conn.execute(
            f"""
            CREATE VIEW fature.{table} AS
            SELECT w.*
            FROM (SELECT pg_sleep(random() * 0.02)) AS delay
            CROSS JOIN fature.written AS w
            """
        )


@asynccontextmanager
async def read_all_the_time(reload: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """As several readings at once may be under way when something changes."""

    async def read() -> None:
        while True:
            await reload()

    readers = [asyncio.create_task(read()) for _ in range(3)]
    try:
        yield
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


def test_a_raised_version_ends_the_tokens_before_it_at_once(database: str) -> None:
    with psycopg.connect(database) as conn:
        row = conn.execute(
            """
            INSERT INTO fature.api_user (email, role, password_hash)
            VALUES ('ana@example.com', 'reader', '')
            RETURNING user_id
            """
        ).fetchone()
    assert row is not None
    (user_id,) = row
    make_slow(database, "tenant")

    def token(version: int) -> Claims:
        return Claims(str(user_id), int(time.time()), version, "", "default", "reader")

    async def change() -> None:
        async with create_pool(database, size=4) as pool:
            versions = UserVersions(pool)
            await versions.reload()
            async with (
                read_all_the_time(versions.reload),
                await psycopg.AsyncConnection.connect(database, autocommit=True) as conn,
            ):
                for version in range(1, CHANGES):
                    assert versions.holds(token(version), time.time())
                    await conn.execute("UPDATE fature.api_user SET version = version + 1")
                    await versions.reload()
                    for _ in range(3):
                        assert not versions.holds(token(version), time.time())
                        await asyncio.sleep(0.01)

    asyncio.run(change())


def test_a_promoted_dimension_makes_series_of_its_own_at_once(database: str) -> None:
    sample = Sample("m", "revenue", 1, "hourly", metadata={"plan": "pro"})
    with psycopg.connect(database) as conn:
        conn.execute(
            """
            INSERT INTO fature.metric (
                metric_name, metric_type, kind, default_aggregation, frequency
            )
            VALUES ('m', 'revenue', 'flow', 'sum', 'hourly')
            """
        )
    make_slow(database, "metric")

    async def change() -> None:
        async with create_pool(database, size=4) as pool:
            cache = SeriesCache(pool, SeriesLimits(10, 10))
            await cache.reload()
            async with (
                read_all_the_time(cache.reload),
                await psycopg.AsyncConnection.connect(database, autocommit=True) as conn,
            ):
                for number in range(CHANGES):
                    promoted = ["plan"] if number % 2 else []
                    await conn.execute("UPDATE fature.written SET dimensions = %s", [promoted])
                    await cache.reload()
                    for _ in range(3):
                        ((_, key, *_),) = Checks(cache, ACCEPT, Scope(), 0).rows([sample])
                        assert isinstance(key, SeriesKey)
                        assert [name for name, _ in key.dimensions] == promoted
                        await asyncio.sleep(0.01)

    asyncio.run(change())


def test_a_name_is_seen_though_a_later_change_was_seen_before(database: str) -> None:
    with psycopg.connect(database) as conn:
        conn.execute(
            """
            INSERT INTO fature.label_name (tenant, label, value, name, updated_by)
            VALUES ('default', 'region', 'SP', 'old', ''), ('default', 'region', 'RJ', 'old', '')
            """
        )
    rename = """
        UPDATE fature.label_name SET name = 'new', updated_at = clock_timestamp() WHERE value = %s
        """

    async def change() -> None:
        connect = psycopg.AsyncConnection.connect
        async with (
            create_pool(database, size=2) as pool,
            await connect(database) as slow,
            await connect(database, autocommit=True) as quick,
        ):
            names = LabelNames(pool)
            await names.reload()
            await slow.execute(rename, ["SP"])
            await quick.execute(rename, ["RJ"])
            await names.reload()
            assert names.of("default") == {("region", "SP"): "old", ("region", "RJ"): "new"}
            await slow.commit()
            await names.reload()
            assert names.of("default") == {("region", "SP"): "new", ("region", "RJ"): "new"}

    asyncio.run(change())
