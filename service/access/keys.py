"""API keys: issuing, revoking and rotating. Each change is one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from service.access.caller import AccessScope, Caller, Role, scopes_of
from service.access.credentials import KeyHasher, generated_key
from service.access.key_table import KeyTable
from service.access.tenants import DEFAULT_TENANT, no_such_tenant
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import Conflict, Forbidden, Invalid, Problem, missing, on_violation
from sql.messages import Listing, Message, Term, Value

# The columns that the audit log has of a key: never its digest.
_RECORDED = (
    "tenant",
    "name",
    "role",
    "service_name",
    "scopes",
    "prefix",
    "created_at",
    "created_by",
    "rotated_at",
    "expires_at",
    "revoked_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """A key to be issued. Without `scopes` it may do all that its role may, without `expires_at`
    it holds until it is revoked, and without `tenant` it is of the caller's.
    """

    name: str
    role: Role
    service_name: str | None = None
    scopes: Sequence[AccessScope] | None = None
    expires_at: datetime | None = None
    tenant: str | None = None


class Keys:
    """Changes keys; `table`, this process's memory of them, knows each change at once."""

    def __init__(self, pool: Pool, hasher: KeyHasher, table: KeyTable) -> None:
        self._pool = pool
        self._hasher = hasher
        self._table = table

    async def issue(self, caller: Caller, spec: KeySpec) -> tuple[DictRow, str]:
        """The new key's row, and the key itself, which cannot be had again and works at once.

        Raises:
            Invalid: the specification contradicts itself, or there is no such tenant.
            Forbidden: it is for a tenant that the caller may not issue keys of.
        """
        if problems := list(_problems(spec, caller.now)):
            raise Invalid(*problems)
        tenant = spec.tenant or caller.tenant
        if tenant != caller.tenant and caller.tenant != DEFAULT_TENANT:
            raise Forbidden(
                Message("Only admins of the tenant default issue keys of another tenant")
            )
        row, key = await self._insert(caller, asdict(spec) | {"tenant": tenant})
        await self._table.reload()
        return row, key

    async def revoke(self, caller: Caller, key_id: int) -> DictRow:
        """The key's row; it is refused from now on.

        Raises:
            NotFound: the caller's tenant has no such key.
        """
        async with connection(self._pool) as conn, conn.transaction():
            row = before = await _locked(conn, caller, key_id)
            if not before["revoked_at"]:
                (row,) = await run(conn, "revoke_key", {"key_id": key_id})
                await _record(conn, caller, "key.revoke", before, row)
        await self._table.reload()
        return row

    async def rotate(self, caller: Caller, key_id: int) -> tuple[DictRow, str]:
        """The key's row and its new secret; the one before is refused from now on.

        Raises:
            NotFound: the caller's tenant has no such key.
            Conflict: it is revoked or expired.
        """
        new = generated_key()
        async with connection(self._pool) as conn, conn.transaction():
            before = await _locked(conn, caller, key_id)
            if _has_ended(before, caller.now):
                raise Conflict(Message("The key is revoked or expired; issue another"))
            digest = self._hasher.digest(new.key)
            params = {"key_id": key_id, "prefix": new.prefix, "digest": digest}
            (row,) = await run(conn, "rotate_key", params)
            await _record(conn, caller, "key.rotate", before, row)
        await self._table.reload()
        return row, new.key

    async def _insert(self, caller: Caller, values: dict[str, Any]) -> tuple[DictRow, str]:
        new = generated_key()
        secret = {"prefix": new.prefix, "digest": self._hasher.digest(new.key)}
        params = values | secret | {"created_by": caller.principal.id}
        async with connection(self._pool) as conn, conn.transaction():
            with on_violation("api_key_tenant_fkey", no_such_tenant(values["tenant"])):
                (row,) = await run(conn, "insert_key", params)
            await caller.record(conn, "key.issue", _target(row), after=_recorded(row))
        return row, new.key


async def list_keys(pool: Pool, tenant: str) -> list[DictRow]:
    """Every key of a tenant, revoked ones included, newest first."""
    return await fetch_all(pool, "list_keys", {"tenant": tenant})


async def find_key(pool: Pool, tenant: str, key_id: int) -> DictRow:
    """One key of a tenant.

    Raises:
        NotFound: it has no such key.
    """
    rows = await fetch_all(pool, "find_key", {"tenant": tenant, "key_id": key_id})
    if not rows:
        raise missing("key", key_id)
    return rows[0]


def _problems(spec: KeySpec, now: datetime) -> Iterator[Problem]:
    if spec.service_name and spec.role not in ("writer", "reader"):
        values = {"role": Term(spec.role)}
        message = Message("A key of role {role} cannot be bound to one service", values)
        yield Problem(message, "service_name")
    beyond = set(spec.scopes or ()) - scopes_of(spec.role, spec.service_name)
    if beyond:
        missed: dict[str, Value] = {
            "role": Term(spec.role),
            "scopes": Listing(tuple(sorted(beyond))),
        }
        yield Problem(Message("The role {role} has no scope {scopes}", missed), "scopes")
    if spec.expires_at and spec.expires_at <= now:
        yield Problem(Message("This is not in the future"), "expires_at")


def _has_ended(row: DictRow, now: datetime) -> bool:
    expires_at = row["expires_at"]
    return bool(row["revoked_at"] or (expires_at and expires_at <= now))


async def _locked(conn: Connection, caller: Caller, key_id: int) -> DictRow:
    rows = await run(conn, "key_for_update", {"tenant": caller.tenant, "key_id": key_id})
    if not rows:
        raise missing("key", key_id)
    return rows[0]


async def _record(
    conn: Connection, caller: Caller, action: str, before: DictRow, after: DictRow
) -> None:
    recorded = {"before": _recorded(before), "after": _recorded(after)}
    await caller.record(conn, action, _target(after), **recorded)


def _target(row: DictRow) -> str:
    return f"key:{row['key_id']}"


def _recorded(row: DictRow) -> dict[str, Any]:
    return {name: row[name] for name in _RECORDED}
