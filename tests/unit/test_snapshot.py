"""Snapshots of the database in memory: newest wins, readings are shared."""

import asyncio
import time
from itertools import pairwise

import pytest

from sql.errors import DatabaseUnavailable
from sql.snapshot import Snapshot


def test_an_older_reading_never_replaces_a_newer() -> None:
    """The first is slower than the second, which began after a change."""
    state, pauses = ["old"], iter((0.05, 0.0))

    async def read() -> str:
        found = state[0]
        await asyncio.sleep(next(pauses))
        return found

    async def check() -> None:
        snapshot = Snapshot(read, "")
        assert snapshot.value == ""
        first = asyncio.create_task(snapshot.reload())
        await asyncio.sleep(0)
        state[0] = "new"
        await snapshot.reload()
        assert snapshot.value == "new"
        await first
        assert snapshot.value == "new"

    asyncio.run(check())


def test_callers_share_a_reading_that_began_after_they_asked() -> None:
    began: list[float] = []

    async def read() -> int:
        began.append(time.monotonic())
        await asyncio.sleep(0.01)
        return len(began)

    async def check() -> None:
        snapshot = Snapshot(read, 0)
        asked = (snapshot.reload_shared(0.05) for _ in range(50))
        assert await asyncio.gather(*asked) == [True] * 50
        await snapshot.reload_shared(0.05)

    asyncio.run(check())
    assert len(began) <= 3
    assert all(after - before >= 0.05 for before, after in pairwise(began))


def test_a_failed_reading_leaves_the_value_and_is_told() -> None:
    away = [False]

    async def read() -> int:
        if away[0]:
            raise DatabaseUnavailable("away")
        return 1

    async def check() -> None:
        snapshot = Snapshot(read, 0)
        await snapshot.reload()
        away[0] = True
        with pytest.raises(DatabaseUnavailable):
            await snapshot.reload_shared(0.0)
        assert snapshot.value == 1

    asyncio.run(check())
