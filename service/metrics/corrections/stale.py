"""Rollups that corrections made stale, refreshed right after a correction."""

import asyncio

import structlog

from sql.database import dedicated_connection, run
from sql.errors import DatabaseError

# Another refresh of the same buckets makes one fail: seconds before each try.
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
# How long a correction waits for the values that follow from it.
PATIENCE_SECONDS = 5.0
_LIMIT_SECONDS = 600.0

_log = structlog.get_logger()


class StaleRollups:
    """Refreshes as the owner of the rollups, at `url`. Without one the database's own job does,
    within a minute; on the plain engine nothing is ever stale.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def refresh(self) -> None:
        """Returns once every rollup is refreshed, or goes on beside the caller where that takes
        long.
        """
        if self._url is None:
            return
        task = asyncio.create_task(self._refresh(self._url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)

    async def close(self) -> None:
        """Leave what is not done to the database's job."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _refresh(self, url: str) -> None:
        async with self._turn:
            for pause in _PAUSES:
                await asyncio.sleep(pause)
                try:
                    async with dedicated_connection(url, _LIMIT_SECONDS) as conn:
                        await run(conn, "refresh_corrected")
                except DatabaseError as error:
                    reason = str(error)
                else:
                    return
        _log.warning("corrected_not_refreshed", reason=reason)
