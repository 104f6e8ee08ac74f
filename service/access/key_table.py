"""The API keys in memory: checking one costs microseconds and no query."""

import asyncio
import hmac
import time
from datetime import UTC, datetime
from typing import NamedTuple

from service.access.caller import Principal
from service.access.credentials import KeyHasher, prefix_of
from sql.database import Pool, fetch_all
from sql.errors import DatabaseUnavailable
from sql.scope import Scope

# However many unknown keys are tried, the table is read no more often than this.
MIN_RELOAD_SECONDS = 0.25
USED_EVERY_SECONDS = 60.0


class _Known(NamedTuple):
    key_id: int
    digest: bytes
    is_usable: bool
    expires_at: datetime | None
    principal: Principal


class KeyTable:
    """Every key, read anew every few seconds by whoever runs this table.

    While the database is away the keys known so far stay good.
    """

    def __init__(self, pool: Pool, hasher: KeyHasher) -> None:
        self._pool = pool
        self._hasher = hasher
        self._known: dict[str, _Known] = {}
        self._read_at = self._good_at = -MIN_RELOAD_SECONDS
        self._reading = asyncio.Lock()
        self._used: dict[int, datetime] = {}
        self._noted: dict[int, datetime] = {}

    async def principal(self, key: str) -> Principal | None:
        """Whose key that is; None for one that is unknown, expired or revoked. An unknown
        prefix may have been issued elsewhere a moment ago: it waits for the next reading.

        Raises:
            DatabaseError: the prefix is unknown here and the database is away.
        """
        prefix = prefix_of(key)
        if prefix is None:
            return None
        if prefix not in self._known:
            await self._read_once_more()
        known = self._known.get(prefix)
        if known is None or not hmac.compare_digest(self._hasher.digest(key), known.digest):
            return None
        now = datetime.now(UTC)
        if not known.is_usable or (known.expires_at is not None and known.expires_at <= now):
            return None
        self._used[known.key_id] = now
        return known.principal

    async def reload(self) -> None:
        """Read every key as it is now."""
        async with self._reading:
            await self._read()

    async def note_use(self) -> None:
        """Write when keys were last used, for each at most once in `USED_EVERY_SECONDS`."""
        due = {
            key_id: used_at
            for key_id, used_at in self._used.items()
            if key_id not in self._noted
            or (used_at - self._noted[key_id]).total_seconds() >= USED_EVERY_SECONDS
        }
        if due:
            params = {"keys": list(due), "used": list(due.values())}
            await fetch_all(self._pool, "set_keys_used", params)
            self._noted |= due

    async def keep_up(self) -> None:
        """What is to be done every few seconds."""
        await self.reload()
        await self.note_use()

    async def _read_once_more(self) -> None:
        """Return after a reading that began after the call; callers share it."""
        asked_at = time.monotonic()
        async with self._reading:
            if self._read_at < asked_at:
                await asyncio.sleep(self._read_at + MIN_RELOAD_SECONDS - time.monotonic())
                await self._read()
            if self._good_at < asked_at:
                raise DatabaseUnavailable("The keys could not be read")

    async def _read(self) -> None:
        """One at a time: an older reading must not come last."""
        started_at = self._read_at = time.monotonic()
        rows = await fetch_all(self._pool, "all_keys")
        self._known = {
            row["prefix"]: _Known(
                row["key_id"],
                row["digest"],
                row["is_usable"],
                row["expires_at"],
                Principal(
                    f"key:{row['key_id']}",
                    row["role"],
                    Scope(row["tenant"], row["service_name"]),
                    None if row["scopes"] is None else frozenset(row["scopes"]),
                ),
            )
            for row in rows
        }
        self._good_at = started_at
