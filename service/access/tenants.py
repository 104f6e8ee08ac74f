"""Making, changing and removing tenants. Each call is one transaction."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import DictRow

from service.access.audit import record
from service.access.caller import Principal
from sql.database import Pool, connection, fetch_all, run
from sql.errors import Violation

DEFAULT_TENANT = "default"
_DELETIONS = (
    "delete_tenant_dashboards",
    "delete_tenant_silences",
    "delete_tenant_metrics",
    "delete_tenant_keys",
    "delete_tenant",
)


class TenantTaken(Exception):
    """There is a tenant of that name."""


class TenantInUse(Exception):
    """The tenant cannot go or be deactivated; the message says why."""


async def list_tenants(pool: Pool) -> list[DictRow]:
    """Every tenant, newest first."""
    return await fetch_all(pool, "list_tenants")


async def create_tenant(
    pool: Pool, principal: Principal, values: Mapping[str, Any], address: str | None
) -> DictRow:
    """The new tenant's row. `values` are tenant and description. Its catalogue and
    dashboards are those of the platform.

    Raises:
        TenantTaken: it is there.
    """
    async with connection(pool) as conn, conn.transaction():
        rows = await run(conn, "insert_tenant", values)
        if not rows:
            raise TenantTaken(values["tenant"])
        await run(conn, "copy_platform_metrics", values)
        await run(conn, "copy_platform_dashboards", values)
        target = _target(values["tenant"])
        await record(conn, principal, "tenant.create", target, after=rows[0], address=address)
        return rows[0]


async def change_tenant(
    pool: Pool,
    principal: Principal,
    tenant: str,
    changes: Mapping[str, Any],
    address: str | None,
) -> DictRow | None:
    """The tenant's row afterwards, None where there is none. `changes` are description and
    is_active; None stays.

    Raises:
        TenantInUse: the tenant default stays active.
    """
    if tenant == DEFAULT_TENANT and changes["is_active"] is False:
        raise TenantInUse("The tenant default stays active")
    async with connection(pool) as conn, conn.transaction():
        found = await run(conn, "tenant_for_update", {"tenant": tenant})
        if not found:
            return None
        (row,) = await run(conn, "update_tenant", {**changes, "tenant": tenant})
        if row != found[0]:
            await record(
                conn,
                principal,
                "tenant.update",
                _target(tenant),
                before=found[0],
                after=row,
                address=address,
            )
        return row


async def remove_tenant(
    pool: Pool, principal: Principal, tenant: str, address: str | None
) -> DictRow | None:
    """The row that is gone with the tenant's keys, None where there is none.

    Raises:
        TenantInUse: it has series, rules, events, health reports or users, or is the default.
    """
    if tenant == DEFAULT_TENANT:
        raise TenantInUse("The tenant default stays")
    params = {"tenant": tenant}
    async with connection(pool) as conn, conn.transaction():
        found = await run(conn, "tenant_for_update", params)
        if not found:
            return None
        (data,) = await run(conn, "tenant_has_data", params)
        if data["has_data"]:
            raise TenantInUse(_IN_USE)
        try:
            for statement in _DELETIONS:
                await run(conn, statement, params)
        except Violation as error:
            raise TenantInUse(_IN_USE) from error
        target = _target(tenant)
        await record(conn, principal, "tenant.delete", target, before=found[0], address=address)
        return found[0]


_IN_USE = "The tenant has data or users; set is_active to false to lock it out instead"


def _target(tenant: str) -> str:
    return f"tenant:{tenant}"
