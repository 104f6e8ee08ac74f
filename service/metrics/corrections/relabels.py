"""Relabels: another value of a label, of what is there at every level and of what comes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg.rows import DictRow

from alerts.changes import Change, note_changes
from service.access.caller import Caller
from service.metrics.corrections.extent import number_of_samples, oldest_figures
from service.metrics.ingest.closed import check_open
from sql.connections import Connection
from sql.database import dedicated_connection, run
from sql.errors import Conflict
from sql.messages import Message
from sql.statements import array_of, query

# Samples that one relabel moves to other series; beside them, any number keeps its own.
MOST_MOVED = 1_000_000
# The label of people: what is replaced is kept nowhere.
PERSONAL = "affiliate_id"
_LIMIT_SECONDS = 300.0

Follow = Callable[[frozenset[tuple[str, str]]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelabelSpec:
    """`label`, a label or dimension, is `to` (None: absent) wherever it is `value`; of one metric,
    or of all.
    """

    label: str
    value: str
    to: str | None
    reason: str
    metric_name: str | None = None


class Relabelled(NamedTuple):
    """How many series have other labels, how many of them became part of others that had those
    labels already, and how many samples are in them.
    """

    series: int
    merged: int
    samples: int


class Relabelling:
    """Relabels; `most` samples of one relabel may move to other series. After each, `follow` is
    told of the tenant and name of the metrics.
    """

    def __init__(self, url: str, follow: Follow, most: int = MOST_MOVED) -> None:
        self._url = url
        self._follow = follow
        self._most = most
        self._turn = asyncio.Lock()

    async def count(self, caller: Caller, spec: RelabelSpec) -> Relabelled:
        """What `relabel` would do now.

        Raises:
            Conflict: as `relabel`.
        """
        async with self._turn, dedicated_connection(self._url, _LIMIT_SECONDS) as conn:
            rows = await _series(conn, caller, spec)
            return await self._checked(conn, caller, spec, rows)

    async def relabel(self, caller: Caller, spec: RelabelSpec) -> Relabelled:
        """In one transaction, with all that is kept about those series.

        Raises:
            Conflict: some of it is in a closed period or being voided, too many samples would be
                moved to other series, or a relabel of more than this says otherwise.
        """
        async with (
            self._turn,
            dedicated_connection(self._url, _LIMIT_SECONDS) as conn,
            conn.transaction(),
        ):
            await run(conn, "lock_corrections")
            await run(conn, "lock_series")
            rows = await _series(conn, caller, spec)
            found = await self._checked(conn, caller, spec, rows)
            await _relabel(conn, caller, spec, rows)
            await _record(conn, caller, spec, found)
        await self._follow(frozenset((caller.tenant, row["metric_name"]) for row in rows))
        return found

    async def _checked(
        self, conn: Connection, caller: Caller, spec: RelabelSpec, rows: Sequence[DictRow]
    ) -> Relabelled:
        params = _params(caller, spec)
        if await run(conn, "wider_relabel_from", params):
            raise Conflict(
                Message(
                    "'{value}' is itself stored as another value, not only here: name that one",
                    {"value": str(spec.to)},
                )
            )
        if await run(conn, "void_job_of", params):
            raise Conflict(Message("Samples of it are being voided; try again later"))
        merging = [row for row in rows if row["target"] is not None]
        moved = await number_of_samples(conn, merging)
        if moved > self._most:
            raise Conflict(
                Message(
                    "{number} samples would move to other series, at most {most} at once: "
                    "name one metric after the other",
                    {"number": moved, "most": self._most},
                )
            )
        await check_open(conn, await oldest_figures(conn, caller.tenant, rows))
        others = [row for row in rows if row["target"] is None]
        return Relabelled(len(rows), len(merging), moved + await number_of_samples(conn, others))


class MergedSeries:
    """Moves samples that were on their way to a series while it became part of another."""

    def __init__(self, url: str, follow: Follow) -> None:
        self._url = url
        self._follow = follow

    async def move_late(self, age: str) -> None:
        """Of series that were merged within that time (an interval of PostgreSQL's)."""
        async with dedicated_connection(self._url, _LIMIT_SECONDS) as conn:
            merged = await run(conn, "merged_lately", {"age": age})
            moved = 0
            for row in merged:
                async with conn.transaction():
                    await run(conn, "lock_corrections")
                    moved += (await run(conn, "merge_series", row))[0]["moved"]
                    await note_changes(conn, [Change(row["tenant"], row["metric_name"])])
        if moved:
            await self._follow(frozenset())


async def _series(conn: Connection, caller: Caller, spec: RelabelSpec) -> list[DictRow]:
    statement = query("series_to_relabel").format(dimensions=query("dimensions_relabelled").body)
    return await run(conn, statement, _params(caller, spec))


async def _relabel(
    conn: Connection, caller: Caller, spec: RelabelSpec, rows: Sequence[DictRow]
) -> None:
    params = _params(caller, spec)
    kept = [row["series_id"] for row in rows if row["target"] is None]
    statement = query("relabel_series").format(dimensions=query("dimensions_relabelled").body)
    await run(conn, statement, {**params, "series": array_of(kept)})
    merging = [row for row in rows if row["target"] is not None]
    for row in merging:
        await run(conn, "merge_series", row)
        await run(conn, "redirect_merged_series", row)
        await run(conn, "delete_merged_series", row)
    series = [*kept, *(row["target"] for row in merging)]
    await run(conn, "relabel_metadata", {**params, "series": array_of(series)})
    if params["only_service"] is None:
        # They are of all services.
        await run(conn, "relabel_records", params)
    names = {row["metric_name"] for row in rows}
    await note_changes(conn, [Change(caller.tenant, name) for name in sorted(names)])
    await run(conn, "end_relabels", params)
    await run(conn, "insert_relabel", {**params, "actor": caller.principal.id})


async def _record(conn: Connection, caller: Caller, spec: RelabelSpec, found: Relabelled) -> None:
    before = None if spec.label == PERSONAL else {spec.label: spec.value}
    after = {spec.label: spec.to, "label": spec.label, "reason": spec.reason, **found._asdict()}
    target = f"metric:{spec.metric_name}" if spec.metric_name else "metrics"
    await caller.record(conn, "metrics.relabel", target, before=before, after=after)


def _params(caller: Caller, spec: RelabelSpec) -> dict[str, object]:
    return {
        "tenant": caller.tenant,
        "only_service": caller.principal.scope.service_name,
        "metric_name": spec.metric_name,
        "label": spec.label,
        "from": spec.value,
        "to": spec.to,
    }
