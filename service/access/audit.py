"""The audit log as the service writes and reads it."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import DictRow

from service.access.caller import Principal
from sql import audit
from sql.database import Connection, Pool, fetch_all


async def record(
    conn: Connection,
    principal: Principal,
    action: str,
    target: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> None:
    """Add an entry in the transaction of the change that `principal` makes. `action` is such
    as ``key.revoke``, `target` such as ``key:7``; `before` and `after` hold no secrets.
    """
    tenant = principal.scope.tenant
    await audit.record(
        conn, tenant, principal.id, action, target, before=before, after=after, address=address
    )


async def list_entries(
    pool: Pool, tenant: str, filters: Mapping[str, Any], cursor: int | None, limit: int
) -> list[DictRow]:
    """Entries of a tenant that pass the filters (actor, action, target, since, before), newest
    first, up to one more than `limit`.
    """
    page = {"tenant": tenant, "cursor": cursor or 2**63 - 1, "limit": limit + 1}
    return await fetch_all(pool, "list_audit", {**filters, **page})
