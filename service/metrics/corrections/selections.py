"""Voids of whole selections: counted first, at once up to a limit, else as a job."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec
from psycopg.rows import DictRow

from retention.plan import in_words
from service.access.caller import Caller
from service.metrics.corrections.imported import imported_age, note_voided, void_imported
from service.metrics.ingest.closed import Late, check_open
from service.metrics.query.selection import Grouping, Part, Selection, group_series
from sql.calendar import instant_text
from sql.connections import Connection
from sql.database import Connections, dedicated_connection, fetch_all, run
from sql.errors import Conflict, missing
from sql.messages import Message
from sql.scope import Scope
from sql.statements import imported_of, joined, query, samples_of
from sql.vocabulary import FREQUENCIES, Frequency

# More become a job.
MOST_AT_ONCE = 100_000
_LIMIT_SECONDS = 300.0
# Of a process, beside the pools.
_CONNECTIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidSpec:
    """The samples of a selection of one metric from `since` to before `before` (None: ever)."""

    metric_name: str
    selection: Selection
    since: datetime | None
    before: datetime | None
    reason: str


class Voided(NamedTuple):
    """How many samples, their exact sum (None: of several units) and the newest one's instant.
    `job_id` is the number of the job that voids them, where they are many.
    """

    number: int
    total: float | None
    newest: datetime | None = None
    job_id: int | None = None


class SelectionVoids:
    """Voids samples not older than `accept`, and tells `follow` of the tenant and name of the
    metric; `most` of them at once.
    """

    def __init__(
        self,
        url: str,
        reads: Connections,
        accept: Mapping[Frequency, timedelta],
        follow: Callable[[frozenset[tuple[str, str]]], Awaitable[None]],
        most: int = MOST_AT_ONCE,
    ) -> None:
        self._url = url
        self._reads = reads
        self._accept = accept
        self._follow = follow
        self._most = most
        self._few = asyncio.Semaphore(_CONNECTIONS)

    async def count(self, caller: Caller, spec: VoidSpec) -> Voided:
        """The number and sum of what `void` would void now.

        Raises:
            Conflict: as `void`.
        """
        parts = await self._parts(spec)
        async with self._connection() as conn:
            return await self._counted(conn, parts, spec, caller.now)

    async def void(self, caller: Caller, spec: VoidSpec) -> Voided:
        """Every sample of the selection counts nowhere any more.

        Raises:
            Conflict: some are too old, or in a closed period.
        """
        parts = await self._parts(spec)
        async with self._connection() as conn, conn.transaction():
            await run(conn, "lock_corrections")
            found = await self._counted(conn, parts, spec, caller.now)
            if not found.number:
                return found
            if found.number > self._most:
                return await _start(conn, caller, parts, spec, found)
            await _void(conn, caller, parts, spec)
            await _record(conn, caller, spec, found)
        await self._follow(frozenset({(caller.tenant, spec.metric_name)}))
        return found

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """One of few, as corrections wait for each other anyway."""
        async with self._few, dedicated_connection(self._url, _LIMIT_SECONDS) as conn:
            yield conn

    async def _parts(self, spec: VoidSpec) -> list[Part]:
        grouping = Grouping(spec.selection)
        return list((await group_series(self._reads, [grouping]))[grouping].parts)

    async def _counted(
        self, conn: Connection, parts: list[Part], spec: VoidSpec, now: datetime
    ) -> Voided:
        number, total, newest = 0, Decimal(), None
        oldest: datetime | None = None
        units = set()
        for part in parts:
            frequency = part.frequency
            for relation, age in (
                (samples_of(frequency), self._accept[frequency]),
                (imported_of(frequency), await imported_age(conn, frequency, now)),
            ):
                statement = query("count_samples").format(samples=relation)
                (row,) = await run(conn, statement, {"series": part.series, **_range(spec)})
                number, total = number + row["number"], total + row["total"]
                if row["number"]:
                    units.add(part.unit)
                newest = max(filter(None, (newest, row["newest"])), default=None)
                oldest = min(filter(None, (oldest, row["oldest"])), default=None)
                if row["oldest"] is not None and now - row["oldest"] > age:
                    raise _too_old(frequency, age, now)
        if oldest is not None:
            await _check_open(conn, spec, oldest)
        return Voided(number, float(total) if len(units) <= 1 else None, newest)


async def find_job(reads: Connections, scope: Scope, job_id: int) -> DictRow:
    """How far that job came.

    Raises:
        NotFound: there is none in scope.
    """
    params = {"job_id": job_id, "tenant": scope.tenant, "only_service": scope.service_name}
    rows = await fetch_all(reads, "void_job", params)
    if not rows:
        raise missing("job", job_id)
    return rows[0]


def by_frequency(parts: list[Part]) -> dict[Frequency, str]:
    """The series of each frequency, as PostgreSQL writes arrays."""
    return {
        frequency: joined(series)
        for frequency in FREQUENCIES
        if (series := [part.series for part in parts if part.frequency == frequency])
    }


async def void_range(conn: Connection, frequency: Frequency, params: Mapping[str, object]) -> int:
    """Void the samples of `series`, which are of the `metric_name` of a `tenant`, from `since` to
    before `before`, and note that rollups are to be refreshed there; how many they were.
    """
    await run(conn, "lift_decompression_limit")
    statement = query("void_samples").format(samples=samples_of(frequency))
    (row,) = await run(conn, statement, params)
    if row["number"]:
        await run(conn, "await_refresh", {"frequency": frequency, **row})
        await note_voided(conn, params, row)
    return int(row["number"]) + await void_imported(conn, frequency, params)


async def _check_open(conn: Connection, spec: VoidSpec, oldest: datetime) -> None:
    tenant = spec.selection.tenant
    params = {"tenant": tenant, "metric_names": [spec.metric_name]}
    rows = await run(conn, "metric_entries_named", params)
    await check_open(conn, [Late(tenant, row["metric_type"], oldest) for row in rows])


async def _void(conn: Connection, caller: Caller, parts: list[Part], spec: VoidSpec) -> None:
    made = {"reason": spec.reason, "actor": caller.principal.id, **_range(spec)}
    made |= {"tenant": spec.selection.tenant, "metric_name": spec.metric_name}
    for frequency, series in by_frequency(parts).items():
        await void_range(conn, frequency, {"series": series, **made})


async def _start(
    conn: Connection, caller: Caller, parts: list[Part], spec: VoidSpec, found: Voided
) -> Voided:
    params = {
        "tenant": caller.tenant,
        "service_name": caller.principal.scope.service_name,
        "metric_name": spec.metric_name,
        "reason": spec.reason,
        "actor": caller.principal.id,
        "by_frequency": msgspec.json.encode(by_frequency(parts)).decode(),
        "total": found.number,
        "total_value": found.total,
        **_range(spec),
        # What is submitted from now on has no end.
        "until": found.newest,
    }
    (row,) = await run(conn, "insert_void_job", params)
    await _record(conn, caller, spec, found)
    return found._replace(job_id=row["job_id"])


async def _record(conn: Connection, caller: Caller, spec: VoidSpec, found: Voided) -> None:
    after = {
        "reason": spec.reason,
        "count": found.number,
        "sum": found.total,
        "start": spec.since and instant_text(spec.since),
        "before": spec.before and instant_text(spec.before),
        "filters": {**spec.selection.filters, **spec.selection.dimensions},
    }
    await caller.record(conn, "samples.void", f"metric:{spec.metric_name}", after=after)


def _range(spec: VoidSpec) -> dict[str, object]:
    return {"since": spec.since or "-infinity", "before": spec.before or "infinity"}


def _too_old(frequency: Frequency, oldest: timedelta, now: datetime) -> Conflict:
    return Conflict(
        Message(
            "Some are too old: {frequency} samples are corrected up to {oldest} back; "
            "begin at {since}",
            {
                "frequency": frequency,
                "oldest": in_words(oldest),
                "since": instant_text((now - oldest).replace(microsecond=0)),
            },
        )
    )
