"""Copies of database state in the memory of a process, read again as a whole."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Snapshot(Generic[Value]):
    """The newest reading of `read`, and `value` as it was then; the initial one before the first.

    Readings go one at a time, so that an older one never replaces a newer. One that fails leaves
    the value as it was.
    """

    def __init__(self, read: Callable[[], Awaitable[Value]], initial: Value) -> None:
        self.value = initial
        self._read = read
        self._lock = asyncio.Lock()
        self._began_at = self._good_at = -math.inf

    async def reload(self) -> None:
        """Read it as it is now: whoever has changed something has it seen here at once."""
        async with self._lock:
            await self._reload()

    async def reload_shared(self, min_seconds: float) -> bool:
        """Return after a reading that began after the call. Callers share it, and however many
        call, no two readings begin within `min_seconds`. False where the shared reading failed.
        """
        asked_at = time.monotonic()
        async with self._lock:
            if self._began_at < asked_at:
                await asyncio.sleep(self._began_at + min_seconds - time.monotonic())
                await self._reload()
            return self._good_at >= asked_at

    async def _reload(self) -> None:
        began_at = self._began_at = time.monotonic()
        self.value = await self._read()
        self._good_at = began_at
