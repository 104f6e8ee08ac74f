"""Users of a tenant: making, changing and removing them. Each change is one transaction."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.rows import DictRow

from service.access.caller import Caller, Principal, Role
from service.access.passwords import Passwords, generated_password
from service.access.sessions import end_sessions, set_password
from service.access.tenants import no_such_tenant
from service.access.versions import UserVersions
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import Conflict, DomainError, Forbidden, Problem, missing, on_violation
from sql.messages import Message
from sql.scope import Scope

# The columns that an access token says of its user: a change ends those issued before.
_IN_TOKENS = ("role", "service_name", "active")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpec:
    """A user to be made; without `password` one is generated."""

    email: str
    role: Role
    name: str = ""
    service_name: str | None = None
    password: str | None = field(default=None, repr=False)


class NewUser(NamedTuple):
    """A new user's row, and the password where one was generated."""

    row: DictRow
    generated_password: str | None


class Users:
    """Changes users; `versions`, this process's memory of them, knows each change at once."""

    def __init__(self, pool: Pool, passwords: Passwords, versions: UserVersions) -> None:
        self._pool = pool
        self._passwords = passwords
        self._versions = versions

    async def create(self, caller: Caller, spec: UserSpec) -> NewUser:
        """A new user of the caller's tenant, who can log in at once.

        Raises:
            Conflict: another user, perhaps of another tenant, has that email.
            Invalid: there is no such tenant.
            Busy: too many passwords wait to be hashed.
        """
        generated = None if spec.password else generated_password()
        values = await self._values(spec, spec.password or generated or "", caller.tenant)
        async with connection(self._pool) as conn, conn.transaction():
            no_tenant = on_violation("api_user_tenant_fkey", no_such_tenant(caller.tenant))
            with _email_taken(spec.email), no_tenant:
                (row,) = await run(conn, "insert_user", values)
            await caller.record(conn, "user.create", _target(row), after=_recorded(row))
        await self._versions.reload()
        return NewUser(row, generated)

    async def create_first(
        self, email: str, name: str, password: str, now: datetime, address: str | None
    ) -> DictRow:
        """The row of the first user of all, an admin of the tenant ``default`` who makes
        themselves.

        Raises:
            Forbidden: there is a user who can log in already.
            Busy: too many passwords wait to be hashed.
        """
        spec = UserSpec(email=email, name=name, role="admin")
        values = await self._values(spec, password, Scope().tenant)
        async with connection(self._pool) as conn, conn.transaction():
            await run(conn, "lock_first_user")
            await _check_first(conn)
            (row,) = await run(conn, "insert_user", values)
            caller = Caller(Principal(_target(row), "admin", Scope()), now, address)
            await caller.record(conn, "user.create", _target(row), after=_recorded(row))
        await self._versions.reload()
        return row

    async def change(
        self,
        caller: Caller,
        user_id: int,
        changes: Mapping[str, Any],
        password: str | None = None,
    ) -> DictRow:
        """The user's row afterwards; `changes` are columns.

        Another role, service or password, and deactivation, end the access tokens issued
        before; another password and deactivation end the log-ins, too.

        Raises:
            NotFound: the caller's tenant has no such user.
            Conflict: another user has that email.
            Busy: too many passwords wait to be hashed.
        """
        hashed = await self._passwords.hash(password) if password else None
        async with connection(self._pool) as conn, conn.transaction():
            before = await _locked(conn, caller, user_id)
            row = await _apply(conn, before, changes, hashed, caller.now)
            recorded = {"before": _recorded(before), "after": _recorded(row)}
            await caller.record(conn, "user.update", _target(row), **recorded)
        await self._versions.reload()
        return row

    async def delete(self, caller: Caller, user_id: int) -> DictRow:
        """The row that is gone; log-ins go with it.

        Raises:
            NotFound: the caller's tenant has no such user.
        """
        async with connection(self._pool) as conn, conn.transaction():
            row = await _locked(conn, caller, user_id)
            await run(conn, "delete_user", {"user_id": user_id})
            await caller.record(conn, "user.delete", _target(row), before=_recorded(row))
        await self._versions.reload()
        return row

    async def _values(self, spec: UserSpec, password: str, tenant: str) -> dict[str, Any]:
        return {
            "email": spec.email,
            "name": spec.name,
            "role": spec.role,
            "service_name": spec.service_name,
            "tenant": tenant,
            "password_hash": await self._passwords.hash(password),
        }


async def any_user(pool: Pool) -> bool:
    """Whether there is a user of any tenant who can log in."""
    (row,) = await fetch_all(pool, "any_user")
    return bool(row["found"])


async def choose_language(pool: Pool, user_id: int, language: str) -> None:
    """Keep the language that a user is notified in."""
    await fetch_all(pool, "choose_user_language", {"user_id": user_id, "language": language})


async def list_users(pool: Pool, tenant: str) -> list[DictRow]:
    """Every user of the tenant, newest first. `last_seen_at` is when a log-in was made or
    renewed last, which one in use is every 15 minutes; None where none is kept.
    """
    return await fetch_all(pool, "list_users", {"tenant": tenant})


async def find_user(pool: Pool, tenant: str, user_id: int) -> DictRow:
    """One user of a tenant.

    Raises:
        NotFound: it has no such user.
    """
    rows = await fetch_all(pool, "find_user", {"tenant": tenant, "user_id": user_id})
    if not rows:
        raise missing("user", user_id)
    return rows[0]


def somebody_exists() -> Forbidden:
    """The error that the first user cannot be made any more."""
    return Forbidden(Message("This link was used already, or somebody can sign in already"))


async def _check_first(conn: Connection) -> None:
    (found,) = await run(conn, "any_user")
    if found["found"]:
        raise somebody_exists()


async def _locked(conn: Connection, caller: Caller, user_id: int) -> DictRow:
    rows = await run(conn, "user_for_update", {"tenant": caller.tenant, "user_id": user_id})
    if not rows:
        raise missing("user", user_id)
    return rows[0]


async def _apply(
    conn: Connection,
    before: DictRow,
    changes: Mapping[str, Any],
    password_hash: str | None,
    now: datetime,
) -> DictRow:
    values = {**before, **changes}
    raised = any(values[name] != before[name] for name in _IN_TOKENS)
    with _email_taken(values["email"]):
        (row,) = await run(conn, "update_user", {**values, "raised": int(raised)})
    if password_hash:
        row = await set_password(conn, row, password_hash, now)
    if not row["active"]:
        await end_sessions(conn, row["user_id"], now)
    return row


def _email_taken(email: str) -> AbstractContextManager[None]:
    message = Message("There is another user with the email {name}", {"name": email})
    taken: DomainError = Conflict(message, [Problem(message, "email")])
    return on_violation("api_user_by_email", taken)


def _target(row: DictRow) -> str:
    return f"user:{row['user_id']}"


def _recorded(row: DictRow) -> dict[str, Any]:
    """A row as the audit log has it: another password shows as another time."""
    return {name: value for name, value in row.items() if name != "password_hash"}
