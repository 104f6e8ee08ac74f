"""Making, editing and removing users of a tenant. Each call is one transaction."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from service.access.audit import record
from service.access.caller import Principal
from service.access.keys import NoSuchTenant
from service.access.sessions import end_sessions, set_password
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import on_violation
from sql.scope import Scope

# What an access token says of its user: a change ends those issued before.
_IN_TOKENS = ("role", "service_name", "active")


class EmailTaken(Exception):
    """Another user, perhaps of another tenant, has that email."""


class NotTheFirst(Exception):
    """Somebody can log in already."""


async def any_user(pool: Pool) -> bool:
    """Whether anybody of any tenant can log in."""
    (row,) = await fetch_all(pool, "any_user")
    return bool(row["found"])


async def create_first_admin(
    pool: Pool, values: Mapping[str, Any], address: str | None = None
) -> DictRow:
    """The row of the first user of all, an admin of the tenant ``default`` who makes
    themselves; `values` are email, name and password_hash.

    Raises:
        NotTheFirst: somebody was quicker.
    """
    async with connection(pool) as conn, conn.transaction():
        await run(conn, "lock_first_user")
        (found,) = await run(conn, "any_user")
        if found["found"]:
            raise NotTheFirst
        scope = Scope()
        rest = {"role": "admin", "service_name": None, "tenant": scope.tenant}
        (row,) = await run(conn, "insert_user", {**values, **rest})
        target = _target(row)
        by = Principal(target, "admin", scope)
        await record(conn, by, "user.create", target, after=_told(row), address=address)
        return row


async def list_users(pool: Pool, tenant: str) -> list[DictRow]:
    """Every user of the tenant, newest first. `last_seen_at` is when a log-in was made or
    renewed last, which one in use is every 15 minutes; None where none is kept.
    """
    return await fetch_all(pool, "list_users", {"tenant": tenant})


async def find_user(pool: Pool, tenant: str, user_id: int) -> DictRow | None:
    """One user of a tenant."""
    rows = await fetch_all(pool, "find_user", {"tenant": tenant, "user_id": user_id})
    return rows[0] if rows else None


async def create_user(
    pool: Pool, principal: Principal, values: Mapping[str, Any], address: str | None = None
) -> DictRow:
    """The new user's row; `values` are email, name, role, service_name, password_hash and
    tenant.

    Raises:
        EmailTaken, NoSuchTenant: see there.
    """
    async with connection(pool) as conn, conn.transaction():
        no_tenant = on_violation("api_user_tenant_fkey", NoSuchTenant(values["tenant"]))
        with _email_taken(values), no_tenant:
            (row,) = await run(conn, "insert_user", values)
        target = _target(row)
        await record(conn, principal, "user.create", target, after=_told(row), address=address)
        return row


async def change_user(
    pool: Pool,
    principal: Principal,
    user_id: int,
    changes: Mapping[str, Any],
    now: datetime,
    address: str | None = None,
) -> DictRow | None:
    """The user's row afterwards, None where the caller's tenant has none; `changes` are
    columns.

    Another role, service or password, and deactivation, end the access tokens issued
    before; another password and deactivation end the log-ins, too.

    Raises:
        EmailTaken: see there.
    """
    async with connection(pool) as conn, conn.transaction():
        found = await run(conn, "user_for_update", _of(principal, user_id))
        if not found:
            return None
        row = await _apply(conn, found[0], changes, now)
        await record(
            conn,
            principal,
            "user.update",
            _target(row),
            before=_told(found[0]),
            after=_told(row),
            address=address,
        )
        return row


async def delete_user(
    pool: Pool, principal: Principal, user_id: int, address: str | None = None
) -> DictRow | None:
    """The row that is gone, None where the caller's tenant has none; log-ins go with it."""
    async with connection(pool) as conn, conn.transaction():
        rows = await run(conn, "delete_user", _of(principal, user_id))
        if not rows:
            return None
        target = _target(rows[0])
        before = _told(rows[0])
        await record(conn, principal, "user.delete", target, before=before, address=address)
        return rows[0]


def _of(principal: Principal, user_id: int) -> dict[str, Any]:
    return {"tenant": principal.scope.tenant, "user_id": user_id}


def _target(row: DictRow) -> str:
    return f"user:{row['user_id']}"


def _told(row: DictRow) -> dict[str, Any]:
    """A row as the log has it: another password shows as another time."""
    return {name: value for name, value in row.items() if name != "password_hash"}


async def _apply(
    conn: Connection, before: DictRow, changes: Mapping[str, Any], now: datetime
) -> DictRow:
    values = {**before, **changes}
    raised = any(values[name] != before[name] for name in _IN_TOKENS)
    with _email_taken(values):
        (row,) = await run(conn, "update_user", {**values, "raised": int(raised)})
    if "password_hash" in changes:
        row = await set_password(conn, row, changes["password_hash"], now)
    if not row["active"]:
        await end_sessions(conn, row["user_id"], now)
    return row


def _email_taken(values: Mapping[str, Any]) -> AbstractContextManager[None]:
    return on_violation("api_user_by_email", EmailTaken(values["email"]))
