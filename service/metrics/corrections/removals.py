"""Removals of metrics with all samples, figures, series and voids."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.metrics.corrections.extent import number_of_samples, oldest_figures
from service.metrics.ingest.closed import check_open
from sql.connections import Connection
from sql.database import Connections, Pool, dedicated_connection, fetch_all, run
from sql.errors import Conflict, DomainError, Problem, missing
from sql.messages import Listing, Message
from sql.statements import array_of

# More samples become a job.
MOST_AT_ONCE = 100_000
_SERIES_AT_ONCE = 20
_LIMIT_SECONDS = 300.0
_HIDING = (
    "insert_removed_metric",
    "hide_series",
    "delete_relabels_of_metric",
    "delete_expectations_of_metric",
    "delete_metric",
)

Follow = Callable[[frozenset[tuple[str, str]]], Awaitable[None]]


class Extent(NamedTuple):
    """How much there is of a metric. `removal_id` is the number of the job that deletes it,
    where it is much.
    """

    series: int
    samples: int
    voids: int
    removal_id: int | None = None


class Removals:
    """Removes metrics, `most` samples at once; `follow` is told of tenant and name of each."""

    def __init__(self, url: str, pool: Pool, follow: Follow, most: int = MOST_AT_ONCE) -> None:
        self._url = url
        self._pool = pool
        self._follow = follow
        self._most = most
        self._turn = asyncio.Lock()

    async def count(self, caller: Caller, metric_name: str) -> Extent:
        """What `remove` would remove now.

        Raises:
            NotFound, Conflict: as `remove`.
        """
        async with self._turn, dedicated_connection(self._url, _LIMIT_SECONDS) as conn:
            return (await _checked(conn, caller, metric_name))[1]

    async def remove(self, caller: Caller, metric_name: str) -> Extent:
        """Nobody sees anything of the metric any more. Its name may be used anew.

        Raises:
            NotFound: there is none of that name.
            Conflict: rules, targets, panels or derived metrics are on it, which the problems name;
                or it is in a closed period or being voided.
        """
        async with (
            self._turn,
            dedicated_connection(self._url, _LIMIT_SECONDS) as conn,
            conn.transaction(),
        ):
            await run(conn, "lock_corrections")
            await run(conn, "lock_series")
            metric, extent = await _checked(conn, caller, metric_name)
            removal_id = await _hide(conn, caller, metric, extent)
            if extent.samples > self._most:
                extent = extent._replace(removal_id=removal_id)
            else:
                await _delete(conn, removal_id)
        await self._follow(frozenset({(caller.tenant, metric_name)}))
        return extent

    async def work(self) -> None:
        """Go on with removals until none runs; each step is a transaction."""
        if not await fetch_all(self._pool, "is_removal_running"):
            return
        async with dedicated_connection(self._url, _LIMIT_SECONDS) as conn:
            while running := await run(conn, "is_removal_running"):
                async with conn.transaction():
                    await run(conn, "lock_corrections")
                    await _delete_some(conn, running[0]["removal_id"])


async def find_removal(reads: Connections, tenant: str, removal_id: int) -> DictRow:
    """How far that removal came.

    Raises:
        NotFound: there is none in the tenant.
    """
    rows = await fetch_all(reads, "removal", {"tenant": tenant, "removal_id": removal_id})
    if not rows:
        raise missing("job", removal_id)
    return rows[0]


async def _checked(conn: Connection, caller: Caller, metric_name: str) -> tuple[DictRow, Extent]:
    """The metric and its extent."""
    one = {"tenant": caller.tenant, "metric_name": metric_name}
    metrics = await run(conn, "lock_metric", one) if "\0" not in metric_name else []
    if not metrics:
        raise missing("metric", metric_name)
    await _check_unused(conn, one)
    series = await run(conn, "series_of_metric", one)
    await check_open(conn, await oldest_figures(conn, caller.tenant, series))
    if await run(conn, "void_job_of", one):
        raise Conflict(Message("Samples of it are being voided; try again later"))
    ids = array_of(row["series_id"] for row in series)
    (voids,) = await run(conn, "count_voids_of", {"series": ids})
    return metrics[0], Extent(len(series), await number_of_samples(conn, series), voids["number"])


async def _check_unused(conn: Connection, one: dict[str, str]) -> None:
    problems = [
        Problem(named(row), field)
        for statement, field, named in (
            ("rules_on_metric", "rules", _rule),
            ("targets_on_metric", "targets", _target),
            ("panels_on_metric", "dashboards", _panel),
            ("derived_from_metric", "metrics", _metric),
        )
        for row in await run(conn, statement, one)
    ]
    if problems:
        raise _in_use(problems)


def _rule(row: DictRow) -> Message:
    return Message("rule {id} ({name})", {"id": str(row["rule_id"]), "name": row["rule_name"]})


def _target(row: DictRow) -> Message:
    return Message("target {id} ({name})", {"id": str(row["target_id"]), "name": row["name"]})


def _panel(row: DictRow) -> Message:
    return Message(
        "dashboard {id} ({name}), panel {title}",
        {"id": str(row["dashboard_id"]), "name": row["name"], "title": row["title"]},
    )


def _metric(row: DictRow) -> Message:
    return Message("metric {name}", {"name": row["metric_name"]})


def _in_use(problems: list[Problem]) -> DomainError:
    listed = Listing(tuple(problem.message for problem in problems))
    return Conflict(
        Message("Remove what is made of it first: {things}", {"things": listed}), problems
    )


async def _hide(conn: Connection, caller: Caller, metric: DictRow, extent: Extent) -> int:
    """The number of the removal whose series nobody sees any more."""
    one = {"tenant": caller.tenant, "metric_name": metric["metric_name"]}
    counted = {"series": extent.series, "samples": extent.samples, "voids": extent.voids}
    made = {**one, **counted, "actor": caller.principal.id}
    (row,) = await run(conn, "insert_removal", made)
    removal_id: int = row["removal_id"]
    for statement in _HIDING:
        await run(conn, statement, {**one, "removal_id": removal_id})
    target = f"metric:{metric['metric_name']}"
    await caller.record(conn, "catalog.delete", target, before=metric, after=counted)
    return removal_id


async def _delete(conn: Connection, removal_id: int) -> None:
    while await _delete_some(conn, removal_id):
        pass


async def _delete_some(conn: Connection, removal_id: int) -> bool:
    """True where more may be left."""
    params = {"removal_id": removal_id, "limit": _SERIES_AT_ONCE}
    if await run(conn, "delete_some_series", params):
        return True
    await run(conn, "end_removal", params)
    return False
