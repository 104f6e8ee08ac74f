"""Keeping dashboards. Each call is one transaction."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from service.access.audit import record
from service.access.caller import Principal
from sql.database import Pool, connection, fetch_all, run
from sql.errors import on_violation

# What the log tells of a dashboard.
_TOLD = ("name", "description", "config")

# What changes, of `_TOLD`, given what a dashboard is while nobody else can change it.
Edit = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class NameTaken(Exception):
    """Another dashboard of the tenant has that name."""


async def list_dashboards(pool: Pool, tenant: str) -> list[DictRow]:
    """Every dashboard of the tenant, newest first."""
    return await fetch_all(pool, "list_dashboards", {"tenant": tenant})


async def find_dashboard(pool: Pool, tenant: str, number: int) -> DictRow | None:
    """One dashboard; None where the tenant has none of that id."""
    rows = await fetch_all(pool, "dashboard", {"tenant": tenant, "dashboard_id": number})
    return rows[0] if rows else None


async def create_dashboard(
    pool: Pool, principal: Principal, values: Mapping[str, Any], address: str | None
) -> DictRow:
    """The new row; `values` are name, description and config.

    Raises:
        NameTaken: see there.
    """
    params = _params(values) | {"tenant": principal.scope.tenant, "actor": principal.id}
    async with connection(pool) as conn, conn.transaction():
        with _name_taken(values):
            (row,) = await run(conn, "insert_dashboard", params)
        target, after = _target(row), _told(row)
        await record(conn, principal, "dashboard.create", target, after=after, address=address)
        return row


async def change_dashboard(
    pool: Pool,
    principal: Principal,
    number: int,
    edit: Edit,
    address: str | None,
) -> DictRow | None:
    """The row afterwards, None where there is none. What `edit` raises changes nothing.

    Raises:
        NameTaken: see there.
    """
    one = {"tenant": principal.scope.tenant, "dashboard_id": number}
    async with connection(pool) as conn, conn.transaction():
        found = await run(conn, "dashboard_for_update", one)
        if not found:
            return None
        before = _told(found[0])
        changes = edit(before)
        params = _params({**before, **changes}) | one | {"actor": principal.id}
        with _name_taken(changes):
            (row,) = await run(conn, "update_dashboard", params)
        await record(
            conn,
            principal,
            "dashboard.update",
            _target(row),
            before=before,
            after=_told(row),
            address=address,
        )
        return row


async def delete_dashboard(
    pool: Pool, principal: Principal, number: int, address: str | None
) -> DictRow | None:
    """The row that is gone, None where there was none; links to it end."""
    one = {"tenant": principal.scope.tenant, "dashboard_id": number}
    async with connection(pool) as conn, conn.transaction():
        rows = await run(conn, "delete_dashboard", one)
        if not rows:
            return None
        target, before = _target(rows[0]), _told(rows[0])
        await record(conn, principal, "dashboard.delete", target, before=before, address=address)
        return rows[0]


def _params(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "config": Jsonb(values["config"])}


def _target(row: DictRow) -> str:
    return f"dashboard:{row['dashboard_id']}"


def _told(row: DictRow) -> dict[str, Any]:
    return {name: row[name] for name in _TOLD}


def _name_taken(values: Mapping[str, Any]) -> AbstractContextManager[None]:
    return on_violation("dashboard_tenant_name_key", NameTaken(values.get("name")))
