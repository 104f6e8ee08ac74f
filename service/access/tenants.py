"""Tenants: making, changing and removing them. Each change is one transaction."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from psycopg.rows import DictRow

from service.access.caller import Caller, Principal
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import Conflict, DomainError, Forbidden, Invalid, Problem, Violation, missing
from sql.messages import Message

DEFAULT_TENANT = "default"
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_NAME = re.compile(NAME_PATTERN.replace("$", r"\Z"))
_DELETIONS = (
    "delete_tenant_dashboards",
    "delete_tenant_silences",
    "delete_tenant_metrics",
    "delete_tenant_keys",
    "delete_tenant",
)

Reload = Callable[[], Awaitable[None]]


class Tenants:
    """Changes tenants, for admins of the tenant default. What processes keep in memory of them is
    read again at once: `reload_access` of keys, `reload_catalogue` of promoted dimensions.
    """

    def __init__(self, pool: Pool, reload_access: Reload, reload_catalogue: Reload) -> None:
        self._pool = pool
        self._reload_access = reload_access
        self._reload_catalogue = reload_catalogue

    async def create(self, caller: Caller, tenant: str, description: str) -> DictRow:
        """The new tenant's row. Its catalogue and dashboards are those of the platform.

        Raises:
            Forbidden: not the caller's to do.
            Conflict: there is one of that name.
        """
        _check_platform_admin(caller.principal)
        values = {"tenant": tenant, "description": description}
        async with connection(self._pool) as conn, conn.transaction():
            rows = await run(conn, "insert_tenant", values)
            if not rows:
                raise _taken(tenant)
            await run(conn, "copy_platform_metrics", values)
            await run(conn, "copy_platform_dashboards", values)
            await caller.record(conn, "tenant.create", _target(tenant), after=rows[0])
        await self._reload_catalogue()
        return rows[0]

    async def change(self, caller: Caller, tenant: str, changes: Mapping[str, Any]) -> DictRow:
        """The tenant's row afterwards. `changes` are description and is_active; None stays.

        Raises:
            Forbidden: not the caller's to do.
            NotFound: there is no such tenant.
            Conflict: the tenant default stays active.
        """
        _check_platform_admin(caller.principal)
        if tenant == DEFAULT_TENANT and changes["is_active"] is False:
            raise Conflict(Message("The tenant default stays active"))
        async with connection(self._pool) as conn, conn.transaction():
            before = await _locked(conn, tenant)
            (row,) = await run(conn, "update_tenant", {**changes, "tenant": tenant})
            if row != before:
                target = _target(tenant)
                await caller.record(conn, "tenant.update", target, before=before, after=row)
        await self._reload_access()
        return row

    async def remove(self, caller: Caller, tenant: str) -> DictRow:
        """The row that is gone with the tenant's keys.

        Raises:
            Forbidden: not the caller's to do.
            NotFound: there is no such tenant.
            Conflict: it has series, rules, events, health reports or users, or is the default.
        """
        _check_platform_admin(caller.principal)
        if tenant == DEFAULT_TENANT:
            raise Conflict(Message("The tenant default stays"))
        async with connection(self._pool) as conn, conn.transaction():
            before = await _locked(conn, tenant)
            await _delete(conn, tenant)
            await caller.record(conn, "tenant.delete", _target(tenant), before=before)
        await self._reload_access()
        return before


async def list_tenants(pool: Pool, principal: Principal) -> list[DictRow]:
    """Every tenant, newest first.

    Raises:
        Forbidden: not for `principal` to see.
    """
    _check_platform_admin(principal)
    return await fetch_all(pool, "list_tenants")


def no_such_tenant(tenant: str) -> Invalid:
    """The error that a field ``tenant`` names one that does not exist."""
    return Invalid(Problem(Message("There is no tenant {name}", {"name": tenant}), "tenant"))


def _check_platform_admin(principal: Principal) -> None:
    if principal.scope.tenant != DEFAULT_TENANT:
        raise Forbidden(Message("Only admins of the tenant default manage tenants"))


async def _locked(conn: Connection, tenant: str) -> DictRow:
    rows = await run(conn, "tenant_for_update", {"tenant": tenant}) if _NAME.match(tenant) else []
    if not rows:
        raise missing("tenant", tenant)
    return rows[0]


async def _delete(conn: Connection, tenant: str) -> None:
    params = {"tenant": tenant}
    (data,) = await run(conn, "tenant_has_data", params)
    if data["has_data"]:
        raise _in_use()
    try:
        for statement in _DELETIONS:
            await run(conn, statement, params)
    except Violation as error:
        raise _in_use() from error


def _in_use() -> DomainError:
    return Conflict(
        Message("The tenant has data or users; set is_active to false to lock it out instead")
    )


def _taken(tenant: str) -> DomainError:
    message = Message("There is a tenant {name} already", {"name": tenant})
    return Conflict(message, [Problem(message, "tenant")])


def _target(tenant: str) -> str:
    return f"tenant:{tenant}"
