"""The figures of imported history, computed batch by batch; any process goes on where one ended."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from psycopg.rows import DictRow

from alerts.changes import Change, note_changes
from service.metrics.corrections.jobs import refreshed
from service.metrics.imports.windows import Windows
from sql import calendar
from sql.connections import Connection
from sql.database import Pool, dedicated_connection, fetch_all, run
from sql.statements import imported_of, query
from sql.vocabulary import FREQUENCIES, Frequency

# About how many samples in a transaction, which corrections wait for.
STRETCH = 50_000
_LIMIT_SECONDS = 600.0
_DAY = timedelta(days=1)

Metrics = frozenset[tuple[str, str]]


class ImportCounting:
    """Works off what waits; `follow` refreshes what is refreshed and is told of the tenant and
    name of the metrics whose figures changed.
    """

    def __init__(
        self,
        url: str,
        pool: Pool,
        windows: Windows,
        follow: Callable[[Metrics], Awaitable[None]],
        stretch: int = STRETCH,
    ) -> None:
        self._url = url
        self._pool = pool
        self._windows = windows
        self._follow = follow
        self._stretch = stretch

    async def work(self) -> None:
        """Until nothing waits that can be done now."""
        if not await fetch_all(self._pool, "is_import_waiting"):
            return
        async with dedicated_connection(self._url, _LIMIT_SECONDS) as conn:
            await run(conn, "close_silent_batches")
            changed: list[Metrics] = []
            while (metrics := await self.advance(conn)) is not None:
                changed.append(metrics)
            ended = await run(conn, "imports_to_end")
            changed += map(_metrics, ended)
            if changed:
                await self._follow(frozenset().union(*changed))
                if await refreshed(conn):
                    for job in ended:
                        await run(conn, "end_import", job)

    async def advance(self, conn: Connection) -> Metrics | None:
        """One step of the batch that is next: its metrics; None where there is none or it waits."""
        async with conn.transaction():
            await run(conn, "lock_corrections")
            batches = await run(conn, "next_batch")
            if not batches:
                return None
            batch = batches[0]
            extents = {row["frequency"]: row for row in await run(conn, "extents", batch)}
            extent = extents.get(batch["at_frequency"])
            if extent is not None and batch["at_ts"] <= extent["until"]:
                await self._count(conn, batch, extent)
                return _metrics(batch)
            following = _following(batch, extents)
            if following is None:
                await run(conn, "end_batch", batch)
                return _metrics(batch)
        has_begun = await self._begin(conn, batch, extents[following])
        return _metrics(batch) if has_begun else None

    async def _begin(self, conn: Connection, batch: DictRow, extent: DictRow) -> bool:
        """Begin with the next frequency, once nothing of it will be refreshed from samples: that
        would lose what is imported.
        """
        frequency, now = extent["frequency"], datetime.now(UTC)
        if now < self._windows.countable_at(frequency, extent["until"]):
            return False
        since = self._windows.refreshed_since(frequency, now)
        if extent["until"] >= since:
            await run(conn, "await_refresh", {**extent, "since": since})
            await self._follow(frozenset())
            if not await refreshed(conn):
                return False
        start = calendar.floor(extent["since"], _period(frequency), self._windows.zone)
        await run(conn, "note_counted", _counted(batch, frequency, start, 0))
        return True

    async def _count(self, conn: Connection, batch: DictRow, extent: DictRow) -> None:
        frequency, since = extent["frequency"], batch["at_ts"]
        stretch = {"frequency": frequency, "batch_id": batch["batch_id"], "since": since}
        stretch["before"] = stretch_end(extent, since, self._stretch, self._windows)
        await run(conn, "count_imported", stretch)
        await run(conn, "await_refresh", {**stretch, "until": stretch["before"]})
        names, before = sorted(batch["metric_names"]), stretch["before"]
        await note_changes(conn, [Change(batch["tenant"], one, since, before) for one in names])
        statement = query("number_of_batch").format(imported=imported_of(frequency))
        (row,) = await run(conn, statement, stretch)
        await run(
            conn, "note_counted", _counted(batch, frequency, stretch["before"], row["number"])
        )


def stretch_end(extent: DictRow, since: datetime, number: int, windows: Windows) -> datetime:
    """The start of a day, or of a month, before which about so many of the samples of an extent
    are that begin there.
    """
    period = _period(extent["frequency"])
    days = (extent["until"] - extent["since"]) / _DAY + 1
    length = min(max(number * days / extent["number"], 1), days) * _DAY
    first = calendar.floor(since, period, windows.zone)
    end = calendar.floor(since + length, period, windows.zone)
    return max(end, calendar.following(first, period, windows.zone)).astimezone(UTC)


def _period(frequency: Frequency) -> calendar.Period:
    """As long as the longest bucket that is computed from samples."""
    return "month" if frequency == "monthly" else "day"


def _following(batch: DictRow, extents: dict[Frequency, DictRow]) -> Frequency | None:
    """The frequency that is next."""
    at = batch["at_frequency"]
    left = FREQUENCIES if at is None else FREQUENCIES[FREQUENCIES.index(at) + 1 :]
    return next((frequency for frequency in left if frequency in extents), None)


def _counted(
    batch: DictRow, frequency: Frequency, until: datetime, number: int
) -> dict[str, object]:
    return {**batch, "frequency": frequency, "until": until, "number": number}


def _metrics(job: DictRow) -> Metrics:
    return frozenset((job["tenant"], name) for name in job["metric_names"])
