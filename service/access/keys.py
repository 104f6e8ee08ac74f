"""Issuing, revoking and rotating API keys. Each call is one transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow

from service.access.audit import record
from service.access.caller import Principal
from service.access.credentials import KeyHasher, generated_key
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import on_violation

# What the log and answers tell of a key: never its digest.
SHOWN = (
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


class NoSuchTenant(Exception):
    """The key's tenant does not exist."""


class KeyEnded(Exception):
    """The key is revoked or expired; there is nothing left to rotate."""


async def issue_key(
    pool: Pool,
    hasher: KeyHasher,
    principal: Principal,
    values: Mapping[str, Any],
    address: str | None = None,
) -> tuple[DictRow, str]:
    """The new key's row, and the key itself, which cannot be had again. `values` are name,
    role, service_name, scopes, expires_at and tenant.

    Raises:
        NoSuchTenant: of that name.
    """
    new = generated_key()
    params = {
        **values,
        "prefix": new.prefix,
        "digest": hasher.digest(new.key),
        "created_by": principal.id,
    }
    async with connection(pool) as conn, conn.transaction():
        with on_violation("api_key_tenant_fkey", NoSuchTenant(values["tenant"])):
            (row,) = await run(conn, "insert_key", params)
        target = f"key:{row['key_id']}"
        await record(conn, principal, "key.issue", target, after=_told(row), address=address)
    return row, new.key


async def list_keys(pool: Pool, tenant: str) -> list[DictRow]:
    """Every key of a tenant, revoked ones included, newest first."""
    return await fetch_all(pool, "list_keys", {"tenant": tenant})


async def find_key(pool: Pool, tenant: str, key_id: int) -> DictRow | None:
    """One key of a tenant."""
    rows = await fetch_all(pool, "find_key", {"tenant": tenant, "key_id": key_id})
    return rows[0] if rows else None


async def revoke_key(
    pool: Pool, principal: Principal, key_id: int, address: str | None = None
) -> DictRow | None:
    """The key's row, revoked; None where the caller's tenant has none of that id."""
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, principal, key_id)
        if before is None or before["revoked_at"]:
            return before
        (row,) = await run(conn, "revoke_key", {"key_id": key_id})
        await _record(conn, principal, "key.revoke", before, row, address)
        return row


async def rotate_key(
    pool: Pool,
    hasher: KeyHasher,
    principal: Principal,
    key_id: int,
    address: str | None = None,
) -> tuple[DictRow, str] | None:
    """The key's row and its new secret; the one before ends. None where the caller's tenant
    has none of that id.

    Raises:
        KeyEnded: it is revoked or expired.
    """
    new = generated_key()
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, principal, key_id)
        if before is None:
            return None
        expires_at = before["expires_at"]
        if before["revoked_at"] or (expires_at and expires_at <= datetime.now(UTC)):
            raise KeyEnded
        params = {"key_id": key_id, "prefix": new.prefix, "digest": hasher.digest(new.key)}
        (row,) = await run(conn, "rotate_key", params)
        await _record(conn, principal, "key.rotate", before, row, address)
        return row, new.key


async def _locked(conn: Connection, principal: Principal, key_id: int) -> DictRow | None:
    params = {"tenant": principal.scope.tenant, "key_id": key_id}
    rows = await run(conn, "key_for_update", params)
    return rows[0] if rows else None


async def _record(
    conn: Connection,
    principal: Principal,
    action: str,
    before: DictRow,
    after: DictRow,
    address: str | None,
) -> None:
    await record(
        conn,
        principal,
        action,
        f"key:{after['key_id']}",
        before=_told(before),
        after=_told(after),
        address=address,
    )


def _told(row: DictRow) -> dict[str, Any]:
    return {name: row[name] for name in SHOWN}
