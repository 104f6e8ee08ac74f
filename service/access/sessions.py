"""Sessions: logging in and staying logged in. Each call is one transaction."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from psycopg.rows import DictRow

from service.access.caller import Caller
from service.access.passwords import Passwords
from service.access.throttle import Throttle
from service.access.tokens import REFRESH_LIFE, Tokens, UserPrincipal, new_refresh_token
from service.access.versions import UserVersions
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import DomainError, Forbidden, Invalid, Problem, Unauthenticated
from sql.messages import Message

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The tokens of a log-in, which a client keeps."""

    access_token: str
    refresh_token: str


class Sessions:
    """Log-ins of users; the principal of an access token without asking the database."""

    def __init__(self, pool: Pool, secret: str, passwords: Passwords) -> None:
        self.tokens = Tokens(secret)
        self.passwords = passwords
        self.versions = UserVersions(pool)
        self._pool = pool
        self._throttle = Throttle()

    def principal(self, token: str) -> UserPrincipal | None:
        """The user of an access token; None where it does not hold (any more)."""
        claims = self.tokens.read_access(token)
        if claims is None or not self.versions.holds(claims, time.time()):
            return None
        return claims.principal()

    async def login(self, email: str, password: str, network: str) -> TokenPair:
        """The first tokens of a new family.

        Raises:
            Unauthenticated: email or password is wrong, or the user is not active; which one is
                not disclosed.
            Throttled: too many attempts from there or on that account.
            Busy: too many log in at once.
        """
        await self._throttle.check_network(network)
        user = await self._attempt(email, network)
        matches = await self.passwords.matches(password, user["password_hash"] if user else None)
        if user is None or not matches:
            _log.warning("login_refused", user_id=user and user["user_id"], network=network)
            raise _login_refused()
        now, family = datetime.now(UTC), str(uuid.uuid4())
        async with connection(self._pool) as conn, conn.transaction():
            # Meanwhile they may have been deactivated or have got another password.
            if not (rows := await run(conn, "lock_user_version", user)):
                raise _login_refused()
            await run(conn, "delete_expired_refresh_tokens", user | {"now": now})
            return await self._issue(conn, rows[0], family, network, now)

    async def refresh(
        self, refresh_token: str, *, reuse_leeway: timedelta = timedelta()
    ) -> TokenPair:
        """The next tokens of the family. A token used longer than `reuse_leeway` ago revokes
        the family: another party has a copy.

        Raises:
            Unauthenticated: the token is unknown, expired, revoked or was used before.
        """
        now = datetime.now(UTC)
        async with connection(self._pool) as conn, conn.transaction():
            digest = self.tokens.digest(refresh_token)
            pair = await self._rotate(conn, digest, now, reuse_leeway)
        if pair is None:
            raise Unauthenticated(
                Message("The refresh token does not hold (any more): log in again")
            )
        return pair

    async def logout(self, refresh_token: str) -> None:
        """Revoke the family of a refresh token; nothing where it is not known."""
        params = {"digest": self.tokens.digest(refresh_token)}
        async with connection(self._pool) as conn, conn.transaction():
            await run(conn, "lock_session_user", params)
            for row in await run(conn, "refresh_token", params):
                await run(conn, "revoke_family", row | {"now": datetime.now(UTC)})

    async def change_password(self, caller: Caller, current: str, new: str) -> str:
        """Set the password, end every other log-in, and answer an access token for this one.

        Raises:
            Forbidden: the caller is no user.
            Invalid: `current` is another password.
            Throttled, Busy: as for logging in.
        """
        principal = user_of(caller)
        # Counted by log-in: a stolen access token guesses no faster from many addresses.
        account, session = str(principal.user_id), f"session {principal.family}"
        await self._throttle.check_account(account, session, is_familiar=True)
        rows = await fetch_all(self._pool, "active_user", {"user_id": principal.user_id})
        user = rows[0] if rows else None
        if not await self.passwords.matches(current, user["password_hash"] if user else None):
            raise _wrong_password()
        assert user is not None
        # Not the caller's: hashing takes a while, and tokens are compared with it.
        hashed, now = await self.passwords.hash(new), datetime.now(UTC)
        async with connection(self._pool) as conn, conn.transaction():
            if not await run(conn, "lock_user_version", user):
                raise _wrong_password()
            user = await set_password(conn, user, hashed, now, except_family=principal.family)
            await caller.record(conn, "user.password", principal.id)
        await self.versions.reload()
        return self.tokens.issue_access(user, principal.family, now)

    async def logout_everywhere(self, caller: Caller) -> None:
        """End every log-in of a user, this one too, and the access tokens issued before.

        Raises:
            Forbidden: the caller is no user.
        """
        principal = user_of(caller)
        async with connection(self._pool) as conn, conn.transaction():
            await run(conn, "raise_user_version", {"user_id": principal.user_id})
            await end_sessions(conn, principal.user_id, caller.now)
            await caller.record(conn, "user.logout", principal.id)
        await self.versions.reload()

    async def _attempt(self, email: str, network: str) -> DictRow | None:
        rows = await fetch_all(self._pool, "login_user", {"email": email, "network": network})
        user = rows[0] if rows else None
        account = str(user["user_id"]) if user else email.lower()
        is_familiar = bool(user and user["is_familiar"])
        await self._throttle.check_account(account, network, is_familiar=is_familiar)
        return user

    async def _rotate(
        self, conn: Connection, digest: bytes, now: datetime, reuse_leeway: timedelta
    ) -> TokenPair | None:
        users = await run(conn, "lock_session_user", {"digest": digest})
        tokens = await run(conn, "refresh_token", {"digest": digest})
        if not users or not tokens:
            return None
        user, token = users[0], tokens[0]
        if token["revoked_at"] or token["expires_at"] <= now or not user["active"]:
            return None
        # Of two at once, the second may have begun first.
        if token["used_at"] and max(now - token["used_at"], timedelta()) >= reuse_leeway:
            _log.warning("refresh_token_reused", user_id=user["user_id"])
            await run(conn, "revoke_family", token | {"now": now})
            return None
        await run(conn, "use_refresh_token", token | {"now": now})
        return await self._issue(conn, user, str(token["family"]), token["network"], now)

    async def _issue(
        self, conn: Connection, user: Mapping[str, Any], family: str, network: str, now: datetime
    ) -> TokenPair:
        refresh_token = new_refresh_token()
        params = {
            "family": family,
            "user_id": user["user_id"],
            "digest": self.tokens.digest(refresh_token),
            "network": network,
            "now": now,
            "expires_at": now + REFRESH_LIFE,
        }
        await run(conn, "insert_refresh_token", params)
        return TokenPair(self.tokens.issue_access(user, family, now), refresh_token)


async def set_password(
    conn: Connection,
    user: Mapping[str, Any],
    password_hash: str,
    now: datetime,
    *,
    except_family: str | None = None,
) -> DictRow:
    """The user's row with another password; every log-in ends but `except_family`."""
    params = {"user_id": user["user_id"], "password_hash": password_hash, "now": now}
    await end_sessions(conn, user["user_id"], now, except_family=except_family)
    (row,) = await run(conn, "set_password", params)
    return row


async def end_sessions(
    conn: Connection, user_id: int, now: datetime, *, except_family: str | None = None
) -> None:
    """Revoke a user's refresh tokens, but for those of one family."""
    params = {"user_id": user_id, "now": now, "except_family": except_family}
    await run(conn, "revoke_families", params)


def user_of(caller: Caller) -> UserPrincipal:
    """The user who calls.

    Raises:
        Forbidden: it is a key.
    """
    if not isinstance(caller.principal, UserPrincipal):
        raise Forbidden(Message("A key has no password; log in first"))
    return caller.principal


def _login_refused() -> DomainError:
    return Unauthenticated(Message("Email or password is wrong"))


def _wrong_password() -> DomainError:
    return Invalid(Problem(Message("It is another one"), "current_password"))
