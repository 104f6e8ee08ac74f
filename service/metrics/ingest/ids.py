"""Sample ids: taken from one sequence in blocks, handed out in the process."""

import asyncio

from sql.database import Pool, fetch_all

BLOCK = 10_000


class SampleIds:
    """Hands out runs of consecutive ids, unique over all processes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._next = 0
        self._end = 0
        self._lock = asyncio.Lock()

    async def take(self, count: int) -> int:
        """The first of `count` consecutive ids, at most `BLOCK`.

        What is left of a block that is too small for the run is given up.
        """
        if self._end - self._next < count:
            async with self._lock:
                if self._end - self._next < count:
                    (row,) = await fetch_all(self._pool, "next_id_block")
                    self._next, self._end = row["first_id"], row["first_id"] + BLOCK
                return self._hand_out(count)
        return self._hand_out(count)

    def _hand_out(self, count: int) -> int:
        first = self._next
        self._next += count
        return first
