"""The mappings of all tenants: kept in the database in every version, in memory as they are now."""

from typing import Any

import structlog
from psycopg.rows import DictRow

from service.access.caller import Caller
from service.access.tenants import no_such_tenant
from service.metrics.mapping.file import parsed
from service.metrics.mapping.mapping import DEFAULT, Mapping
from sql.database import Pool, connection, fetch_all, run
from sql.errors import Conflict, Invalid, on_violation
from sql.messages import Message
from sql.scope import Scope

_log = structlog.get_logger()
_TAKEN = Conflict(Message("Somebody else changes the mapping; try again"))


class Mappings:
    """Reads and replaces mappings, for whoever runs `reload` every few seconds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._mappings: dict[str, tuple[int, Mapping]] | None = None

    async def ready(self) -> None:
        """Have read them once, without which names would be taken as none of them says."""
        if self._mappings is None:
            await self.reload()

    async def reload(self) -> None:
        """Read them as they are now, changed here or in another process."""
        before = self._mappings or {}
        found: dict[str, tuple[int, Mapping]] = {}
        for row in await fetch_all(self._pool, "newest_mappings"):
            known = before.get(row["tenant"])
            if known is not None and known[0] == row["version"]:
                found[row["tenant"]] = known
            elif (mapping := _compiled(row)) is not None:
                found[row["tenant"]] = (row["version"], mapping)
            elif known is not None:
                found[row["tenant"]] = known
        self._mappings = found

    def of(self, tenant: str) -> Mapping:
        """A tenant's, once `ready` was awaited; the same object until it changes."""
        assert self._mappings is not None
        found = self._mappings.get(tenant)
        return DEFAULT if found is None else found[1]

    async def row(self, scope: Scope) -> DictRow | None:
        """The newest version, its YAML, its time and author; None where there is none."""
        rows = await fetch_all(self._pool, "newest_mapping", {"tenant": scope.tenant})
        return rows[0] if rows else None

    async def replace(self, caller: Caller, content: str) -> DictRow:
        """The row of the new version, which counts at once here, and elsewhere within seconds;
        the audit log notes it. That which counts already stays.

        Raises:
            Invalid: everything that is wrong with it, with its line.
            Conflict: somebody else replaces it at the same time.
        """
        parsed(content.encode())
        values = {"tenant": caller.tenant, "content": content, "author": caller.principal.id}
        async with connection(self._pool) as conn, conn.transaction():
            before = await run(conn, "newest_mapping", values)
            if before and before[0]["content"] == content:
                return before[0]
            unknown = no_such_tenant(caller.tenant)
            with on_violation("mapping_pkey", _TAKEN), on_violation("mapping_tenant_fkey", unknown):
                (row,) = await run(conn, "insert_mapping", values)
            number = f"mapping:{row['version']}"
            await caller.record(
                conn, "mapping.replace", number, before=_noted(before), after=_noted([row])
            )
        await self.reload()
        return row


def mapping_of(content: str) -> Mapping:
    """A mapping that is not kept.

    Raises:
        Invalid: everything that is wrong with it, with its line.
    """
    return Mapping(parsed(content.encode()))


def _compiled(row: DictRow) -> Mapping | None:
    """None where a later version of the service wrote what this one does not know."""
    try:
        return mapping_of(row["content"])
    except Invalid as error:
        _log.error("mapping_unreadable", tenant=row["tenant"], reason=str(error))
        return None


def _noted(rows: list[DictRow]) -> dict[str, Any] | None:
    return {"version": rows[0]["version"], "content": rows[0]["content"]} if rows else None
