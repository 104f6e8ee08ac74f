"""Keeping targets. Each call is one transaction."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from service.access.caller import Caller
from sql.database import Connections, Pool, connection, fetch_all, run
from sql.errors import Conflict, Invalid, Problem, missing, on_violation
from sql.messages import Message
from sql.scope import Scope

# The columns that are edited and audited.
EDITED = (
    "name",
    "metric_name",
    "aggregation",
    "service_name",
    "affiliate_id",
    "region",
    "unit",
    "filters",
    "period",
    "value",
    "direction",
    "since",
    "until",
)


async def list_targets(
    reads: Connections, scope: Scope, metric_name: str | None = None
) -> list[DictRow]:
    """The targets in scope, newest first: of one service those of what it submits alone."""
    params = {**scope.params, "target_id": None, "metric_name": metric_name}
    return await fetch_all(reads, "targets", params)


async def find_target(reads: Connections, scope: Scope, number: int) -> DictRow:
    """One target.

    Raises:
        NotFound: there is none of that id in scope.
    """
    params = {**scope.params, "target_id": number, "metric_name": None}
    rows = await fetch_all(reads, "targets", params)
    if not rows:
        raise missing("target", number)
    return rows[0]


async def create_target(pool: Pool, caller: Caller, values: Mapping[str, Any]) -> DictRow:
    """The new row; `values` are the columns that are edited.

    Raises:
        Invalid: it would end before it begins.
        Conflict: another one has the name.
    """
    check_days(values["since"], values["until"])
    async with connection(pool) as conn, conn.transaction():
        with _name_taken(values):
            (row,) = await run(conn, "insert_target", _params(values, caller))
        await caller.record(conn, "target.create", _target(row), after=_audited(row))
        return row


async def change_target(
    pool: Pool, caller: Caller, number: int, changes: Mapping[str, Any]
) -> DictRow:
    """The row with some columns changed.

    Raises:
        NotFound: there is none of that id.
        Invalid: it would end before it begins.
        Conflict: another one has the name.
    """
    one = {"tenant": caller.tenant, "target_id": number}
    async with connection(pool) as conn, conn.transaction():
        found = await run(conn, "target_for_update", one)
        if not found:
            raise missing("target", number)
        values = {name: found[0][name] for name in EDITED} | dict(changes)
        check_days(values["since"], values["until"])
        with _name_taken(values):
            (row,) = await run(conn, "update_target", _params(values, caller) | one)
        before, after = _audited(found[0]), _audited(row)
        await caller.record(conn, "target.update", _target(row), before=before, after=after)
        return row


async def delete_target(pool: Pool, caller: Caller, number: int) -> DictRow:
    """The row that is gone.

    Raises:
        NotFound: there was none.
    """
    one = {"tenant": caller.tenant, "target_id": number}
    async with connection(pool) as conn, conn.transaction():
        rows = await run(conn, "delete_target", one)
        if not rows:
            raise missing("target", number)
        await caller.record(conn, "target.delete", _target(rows[0]), before=_audited(rows[0]))
        return rows[0]


def check_days(since: date | None, until: date | None) -> None:
    """Refuse a target that ends before it begins.

    Raises:
        Invalid: naming to.
    """
    if since and until and until < since:
        raise Invalid(Problem(Message("to is before from"), "to"))


def _params(values: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    return {
        **values,
        "filters": Jsonb(values["filters"]),
        "tenant": caller.tenant,
        "actor": caller.principal.id,
    }


def _audited(row: DictRow) -> dict[str, Any]:
    days = {name: row[name] and row[name].isoformat() for name in ("since", "until")}
    return {name: row[name] for name in EDITED} | days


def _target(row: DictRow) -> str:
    return f"target:{row['target_id']}"


def _name_taken(values: Mapping[str, Any]) -> AbstractContextManager[None]:
    message = Message("There is another target named {name}", {"name": values["name"]})
    return on_violation("target_tenant_name_key", Conflict(message, [Problem(message, "name")]))
