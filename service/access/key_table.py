"""The API keys in memory: checking one costs microseconds and no query."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from service.access.caller import Principal
from service.access.credentials import KeyHasher, prefix_of
from sql.database import Pool, fetch_all
from sql.errors import DatabaseUnavailable
from sql.scope import Scope
from sql.snapshot import Snapshot

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
        self._keys: Snapshot[dict[str, _Known]] = Snapshot(self._read, {})
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
        known = self._keys.value.get(prefix) or await self._find(prefix)
        if known is None or not hmac.compare_digest(self._hasher.digest(key), known.digest):
            return None
        now = datetime.now(UTC)
        if not known.is_usable or (known.expires_at is not None and known.expires_at <= now):
            return None
        self._used[known.key_id] = now
        return known.principal

    async def reload(self) -> None:
        """Read every key as it is now."""
        await self._keys.reload()

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

    async def refresh(self) -> None:
        """Read every key again and write which were used; to be called every few seconds."""
        await self.reload()
        await self.note_use()

    async def _find(self, prefix: str) -> _Known | None:
        """A key that is not known here yet, by a reading that began after the call."""
        if not await self._keys.reload_shared(MIN_RELOAD_SECONDS):
            raise DatabaseUnavailable("The keys could not be read")
        return self._keys.value.get(prefix)

    async def _read(self) -> dict[str, _Known]:
        rows = await fetch_all(self._pool, "all_keys")
        return {row["prefix"]: _known(row) for row in rows}


def _known(row: Mapping[str, Any]) -> _Known:
    scope = Scope(row["tenant"], row["service_name"])
    only = None if row["scopes"] is None else frozenset(row["scopes"])
    principal = Principal(f"key:{row['key_id']}", row["role"], scope, only)
    return _Known(row["key_id"], row["digest"], row["is_usable"], row["expires_at"], principal)
