"""Voids: samples that count nowhere any more, and those that stand in their place."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg import sql
from psycopg.rows import DictRow

from alerts.changes import Change, note_changes
from retention.plan import in_words
from service.access.caller import Caller
from service.metrics.corrections.imported import count_voided, imported_age, keep_base
from service.metrics.ingest.closed import Late, check_open
from service.metrics.ingest.ids import SampleIds
from service.metrics.query.samples import Position
from sql.calendar import instant_text
from sql.connections import Connection
from sql.database import Connections, Pool, connection, fetch_all, run
from sql.errors import Conflict, missing
from sql.messages import Message
from sql.scope import Scope
from sql.statements import imported_of, query, samples_of, union_all
from sql.vocabulary import FREQUENCIES, Frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidFilters:
    """The voids that are wanted, by when they were made; None is any. `since` is inclusive,
    `before` is not.
    """

    metric_name: str | None = None
    voided_by: str | None = None
    since: datetime | None = None
    before: datetime | None = None


class VoidPage(NamedTuple):
    """Voids, newest first, and where the page after them begins (None: there is none)."""

    rows: list[DictRow]
    next: Position | None


class Corrections:
    """Voids and replaces samples not older than `accept`: rollups are refreshed no further back.
    After each, `follow` is told of the tenant and name of the metric.
    """

    def __init__(
        self,
        pool: Pool,
        ids: SampleIds,
        accept: Mapping[Frequency, timedelta],
        follow: Callable[[frozenset[tuple[str, str]]], Awaitable[None]],
    ) -> None:
        self._pool = pool
        self._ids = ids
        self._accept = accept
        self._follow = follow
        # In the database they wait for each other, each with a connection that ingest could use.
        self._turn = asyncio.Lock()

    async def void(self, caller: Caller, sample_id: int, reason: str) -> DictRow:
        """The void of that sample, which counts nowhere any more. The same again changes nothing.

        Raises:
            NotFound: there is no such sample in scope.
            Conflict: it was voided otherwise before, is too old, or in a closed period.
        """
        return await self._correct(caller, sample_id, reason)

    async def replace(self, caller: Caller, sample_id: int, value: float, reason: str) -> DictRow:
        """The void of that sample; ``replaced_by`` is one like it with that value.

        Raises:
            NotFound, Conflict: as `void`.
        """
        return await self._correct(caller, sample_id, reason, value)

    async def _correct(
        self, caller: Caller, sample_id: int, reason: str, value: float | None = None
    ) -> DictRow:
        new_id = None if value is None else await self._ids.take(1)
        made = {"reason": reason, "actor": caller.principal.id, "new_value": value}
        async with self._turn, connection(self._pool) as conn, conn.transaction():
            await run(conn, "lock_corrections")
            sample = await _find(conn, caller.principal.scope, sample_id)
            if sample is None:
                return await _repeated(conn, caller, sample_id, made)
            await self._check_age(conn, sample, caller.now)
            touched = Late(caller.tenant, sample["metric_type"], sample["timestamp"])
            await check_open(conn, [touched])
            await _move(conn, sample, {**made, "replaced_by": new_id})
            name, at = sample["metric_name"], sample["timestamp"]
            await note_changes(conn, [Change(caller.tenant, name, at, at)])
            await _record(conn, caller, sample, {**made, "replaced_by": new_id})
            (void,) = await _voids(conn, caller.principal.scope, sample_id)
        await self._follow(frozenset({(caller.tenant, sample["metric_name"])}))
        return void

    async def _check_age(self, conn: Connection, sample: DictRow, now: datetime) -> None:
        oldest, age = self._accept[sample["frequency"]], now - sample["timestamp"]
        if sample["is_imported"]:
            oldest = await imported_age(conn, sample["frequency"], now)
        if age > oldest:
            raise Conflict(
                Message(
                    "Too old: {frequency} samples are corrected up to {oldest} back, "
                    "this is {age} old",
                    {
                        "frequency": sample["frequency"],
                        "oldest": in_words(oldest),
                        "age": in_words(age),
                    },
                )
            )


async def list_voids(
    reads: Connections,
    scope: Scope,
    filters: VoidFilters,
    *,
    after: Position | None = None,
    limit: int = 100,
) -> VoidPage:
    """Up to `limit` voids in scope that pass the filters and follow `after`."""
    rows = await fetch_all(reads, "voids", _params(scope, filters, after, limit + 1))
    page = rows[:limit]
    more = len(rows) > len(page)
    return VoidPage(page, Position(page[-1]["voided_at"], page[-1]["id"]) if more else None)


async def find(reads: Connections, scope: Scope, sample_id: int) -> DictRow:
    """A sample in scope, or its void: that has ``voided_at`` as well.

    Raises:
        NotFound: there is neither.
    """
    async with connection(reads) as conn:
        sample = await _find(conn, scope, sample_id)
        found = [sample] if sample else await _voids(conn, scope, sample_id)
    if not found:
        raise missing("sample", sample_id)
    return found[0]


async def _find(conn: Connection, scope: Scope, sample_id: int) -> DictRow | None:
    samples = union_all(
        query("sample_of_id").format(samples=relation, is_imported=sql.Literal(is_imported))
        for frequency in FREQUENCIES
        for relation, is_imported in (
            (samples_of(frequency), False),
            (imported_of(frequency), True),
        )
    )
    params = {"id": sample_id, "tenant": scope.tenant, "only_service": scope.service_name}
    rows = await run(conn, query("find_sample").format(samples=samples), params)
    return rows[0] if rows else None


async def _move(conn: Connection, sample: DictRow, made: Mapping[str, object]) -> None:
    is_imported, frequency = sample["is_imported"], sample["frequency"]
    relation = (imported_of if is_imported else samples_of)(frequency)
    params = {**sample, **made, "metadata": None}
    stretch = {"since": sample["timestamp"], "until": sample["timestamp"]}
    touched = {**stretch, "series": [sample["series_id"]], "instants": [sample["timestamp"]]}
    if is_imported:
        await keep_base(conn, frequency, touched)
    if not await run(conn, query("void_sample").format(samples=relation), params):
        # Retention dropped it meanwhile.
        raise missing("sample", sample["id"])
    if made["replaced_by"] is not None:
        replaced = "insert_imported_replacement" if is_imported else "insert_replacement"
        await run(conn, query(replaced).format(samples=relation), params)
    if is_imported:
        await count_voided(conn, frequency, touched)
    await run(conn, "await_refresh", {**params, **stretch})


async def _record(
    conn: Connection, caller: Caller, sample: DictRow, made: Mapping[str, object]
) -> None:
    before = {
        "metric_name": sample["metric_name"],
        "timestamp": instant_text(sample["timestamp"]),
        "value": sample["value"],
    }
    after = {"reason": made["reason"]}
    action = "sample.void"
    if made["replaced_by"] is not None:
        action = "sample.replace"
        after |= {"value": made["new_value"], "replaced_by": made["replaced_by"]}
    await caller.record(conn, action, f"sample:{sample['id']}", before=before, after=after)


async def _repeated(
    conn: Connection, caller: Caller, sample_id: int, made: Mapping[str, object]
) -> DictRow:
    """The void that the same correction made before.

    Raises:
        NotFound: there is none of that sample.
        Conflict: another correction made it.
    """
    found = await _voids(conn, caller.principal.scope, sample_id)
    if not found:
        raise missing("sample", sample_id)
    void = found[0]
    if (void["voided_by"], void["reason"], void["new_value"]) == (
        made["actor"],
        made["reason"],
        made["new_value"],
    ):
        return void
    raise Conflict(
        Message(
            "Sample {id} was voided before, by {actor}: {reason}",
            {"id": str(sample_id), "actor": void["voided_by"], "reason": void["reason"]},
        )
    )


async def _voids(conn: Connection, scope: Scope, sample_id: int) -> list[DictRow]:
    return await run(conn, "voids", _params(scope, VoidFilters(), None, 1) | {"id": sample_id})


def _params(
    scope: Scope, filters: VoidFilters, after: Position | None, limit: int
) -> dict[str, object]:
    return {
        "tenant": scope.tenant,
        "only_service": scope.service_name,
        "id": None,
        "metric_name": filters.metric_name,
        "voided_by": filters.voided_by,
        "since": filters.since or "-infinity",
        "before": filters.before or "infinity",
        "cursor_at": after.at if after else "infinity",
        "cursor_id": after.sample_id if after else 2**63 - 1,
        "limit": limit,
    }
