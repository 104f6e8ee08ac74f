"""A writer of samples on a database, and what it stored."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import psycopg

from retention.policies import accept_ages, parse_keep
from service.metrics.ingest.idempotency import Receipt
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import IdempotencyKey, Preparer, Step, Submission, body_key
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.sample import Sample
from service.metrics.ingest.series import SeriesCache
from service.metrics.ingest.writer import Writer
from sql.database import Pool, create_pool
from sql.scope import Scope
from sql.vocabulary import Frequency

T = TypeVar("T")

REFUSED = b"neither a row of COPY's text format nor of its binary one\n"


@dataclass
class Bench:
    """A writer that does not run yet, and what makes submissions for it."""

    pool: Pool
    writer: Writer
    preparer: Preparer

    async def submission(
        self,
        *values: float,
        frequency: Frequency = "hourly",
        key: IdempotencyKey | None = None,
        step: Step | None = None,
    ) -> Submission:
        items = [Sample("m", "revenue", value, frequency) for value in values]
        return await self.preparer.prepare(items, Scope(), datetime.now(UTC), key, step)

    async def of_services(self, *names: str) -> Submission:
        """A sample of each service, in a series of its own."""
        items = [Sample("m", "revenue", 1, "hourly", service_name=name) for name in names]
        return await self.preparer.prepare(items, Scope(), datetime.now(UTC), None)

    async def mixed(self, value: float, *frequencies: Frequency) -> Submission:
        items = [Sample("m", "revenue", value, frequency) for frequency in frequencies]
        return await self.preparer.prepare(items, Scope(), datetime.now(UTC), None)

    async def bad(self, *values: float, key: IdempotencyKey | None = None) -> Submission:
        """One that the database refuses."""
        good = await self.submission(*values, key=key)
        return replace(good, rows=dict.fromkeys(good.rows, REFUSED))

    def wait_with(self, *submissions: Submission) -> list[asyncio.Task[Receipt]]:
        """Submit them in this order; each is in the queue at the next step of the loop."""
        return [asyncio.create_task(self.writer.submit(each)) for each in submissions]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With the writer at work; at the end it has written what waited."""
        await asyncio.sleep(0)
        run = asyncio.create_task(self.writer.run())
        try:
            yield
        finally:
            self.writer.close()
            await run


def bench(url: str, action: Callable[[Bench], Awaitable[T]]) -> T:
    """The result of `action` with a writer on that database."""

    async def run() -> T:
        async with create_pool(url, size=2) as pool:
            preparer = Preparer(
                SeriesCache(pool, SeriesLimits(100_000, 10_000)),
                SampleIds(pool),
                accept_ages(parse_keep("")),
            )
            return await action(Bench(pool, Writer(pool), preparer))

    return asyncio.run(run())


async def outcomes(tasks: list[asyncio.Task[Receipt]]) -> list[Receipt | BaseException]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def rows(url: str, frequency: str = "hourly") -> list[tuple[int, float, str]]:
    """Id, value and transaction of every sample, by id."""
    with psycopg.connect(url) as conn:
        statement = f"SELECT id, value, xmin::text FROM fature.sample_{frequency} ORDER BY id"
        return conn.execute(statement).fetchall()


def values(url: str, frequency: str = "hourly") -> list[float]:
    return [value for _, value, _ in rows(url, frequency)]


def key(name: str, body: bytes = b"{}", principal: str = "p") -> IdempotencyKey:
    return body_key(principal, name, "/api/metrics", body)
