"""Jobs that void very many samples, batch by batch; any process goes on where one ended."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from psycopg.rows import DictRow

from service.metrics.corrections.selections import void_range
from sql.connections import Connection
from sql.database import Pool, dedicated_connection, fetch_all, run
from sql.statements import imported_of, query, samples_of
from sql.vocabulary import FREQUENCIES, Frequency

BATCH = 50_000
_LIMIT_SECONDS = 300.0
_INSTANT = timedelta(microseconds=1)
# For the database's job, where the service may not refresh.
_TRIES, _PAUSE_SECONDS = 120, 0.5


class VoidJobs:
    """Works off what waits, `batch` samples in a transaction. After a job, `follow` is told of the
    tenant and name of its metric; it is done once figures are right, or a minute later.
    """

    def __init__(
        self,
        url: str,
        pool: Pool,
        follow: Callable[[frozenset[tuple[str, str]]], Awaitable[None]],
        batch: int = BATCH,
    ) -> None:
        self._url = url
        self._pool = pool
        self._follow = follow
        self._batch = batch

    async def work(self) -> None:
        """Until no job runs."""
        if not await fetch_all(self._pool, "is_void_job_running"):
            return
        async with dedicated_connection(self._url, _LIMIT_SECONDS) as conn:
            while (job := await self.advance(conn)) is not None:
                if not job["number"]:
                    await self._follow(frozenset({(job["tenant"], job["metric_name"])}))
                    await refreshed(conn)
                    await run(conn, "end_void_job", job)

    async def advance(self, conn: Connection) -> DictRow | None:
        """One batch of the oldest job that runs, in a transaction; its `number` is how many samples
        were voided. None without one.
        """
        async with conn.transaction():
            await run(conn, "lock_corrections")
            rows = await run(conn, "next_void_job")
            if not rows:
                return None
            job = rows[0]
            noted = await self._void(conn, job)
            await run(conn, "note_void_job", {"job_id": job["job_id"], **noted})
        return {**job, **noted}

    async def _void(self, conn: Connection, job: DictRow) -> dict[str, object]:
        """Void the next batch; what is to be noted of it."""
        since = job["at_ts"]
        for frequency in _left(job):
            batch = {**job, "series": job["series"][frequency], "limit": self._batch}
            batch["since"] = since or job["since"]
            until = await _end(conn, frequency, batch)
            if until is not None:
                end = until + _INSTANT
                number = await void_range(conn, frequency, {**batch, "before": end})
                return {"number": number, "at_frequency": frequency, "at_ts": end}
            since = None
        return {"number": 0, "at_frequency": job["at_frequency"], "at_ts": job["at_ts"]}


async def _end(conn: Connection, frequency: Frequency, batch: DictRow) -> datetime | None:
    """The instant up to which the next batch reaches: no more than so many of either kind."""
    ends: list[datetime] = []
    for relation in (samples_of(frequency), imported_of(frequency)):
        statement = query("end_of_batch").format(samples=relation)
        (row,) = await run(conn, statement, batch)
        if row["until"] is not None:
            ends.append(row["until"])
    return min(ends, default=None)


def _left(job: DictRow) -> list[Frequency]:
    """The frequencies that are not worked off."""
    every = [frequency for frequency in FREQUENCIES if frequency in job["series"]]
    at = job["at_frequency"]
    return every if at is None else every[every.index(at) :]


async def refreshed(conn: Connection) -> bool:
    """Wait until rollups are refreshed where samples were voided or imported, but not for ever;
    False where they are not.
    """
    for _ in range(_TRIES):
        if not await run(conn, "is_anything_stale"):
            return True
        await asyncio.sleep(_PAUSE_SECONDS)
    return False
