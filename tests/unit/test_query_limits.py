"""Large queries take turns, and nobody's queries keep everybody else's waiting."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from service.metrics.query.limits import LARGE, MAX_SERIES, QueryLimits, check_series
from sql.errors import Busy, Invalid


class Desk:
    """Queries that end when they are told to, and how many are under way."""

    def __init__(self, limits: QueryLimits) -> None:
        self._limits = limits
        self._open = asyncio.Event()
        self.under_way = 0

    async def read(self, tenant: str, buckets: float) -> None:
        async with self._limits.turn(tenant, buckets):
            self.under_way += 1
            await self._open.wait()
            self.under_way -= 1

    def end(self) -> None:
        self._open.set()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def scenario(steps: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(steps())  # type: ignore[arg-type]


def test_of_large_queries_one_is_read_at_a_time_and_small_ones_go_past() -> None:
    async def steps() -> None:
        desk = Desk(QueryLimits(large_at_once=1))
        tasks = [asyncio.create_task(desk.read(tenant, LARGE)) for tenant in ("a", "b", "c")]
        await settled()
        assert desk.under_way == 1
        tasks += [asyncio.create_task(desk.read(tenant, 10)) for tenant in ("a", "b", "c")]
        await settled()
        assert desk.under_way == 4
        desk.end()
        await asyncio.gather(*tasks)

    scenario(steps)


def test_one_tenants_queries_leave_room_for_anothers() -> None:
    async def steps() -> None:
        desk = Desk(QueryLimits(large_at_once=1, at_once=2))
        tasks = [asyncio.create_task(desk.read("a", 10)) for _ in range(5)]
        await settled()
        assert desk.under_way == 2
        tasks.append(asyncio.create_task(desk.read("b", 10)))
        await settled()
        assert desk.under_way == 3
        desk.end()
        await asyncio.gather(*tasks)

    scenario(steps)


def test_large_queries_that_wait_keep_no_small_ones_of_their_tenant_waiting() -> None:
    async def steps() -> None:
        desk = Desk(QueryLimits(large_at_once=1, at_once=2))
        tasks = [asyncio.create_task(desk.read("a", LARGE)) for _ in range(5)]
        await settled()
        tasks.append(asyncio.create_task(desk.read("a", 10)))
        await settled()
        assert desk.under_way == 2
        desk.end()
        await asyncio.gather(*tasks)

    scenario(steps)


def test_who_waits_too_long_is_told_when_to_try_again_and_leaves_no_turn_behind() -> None:
    async def steps() -> None:
        limits = QueryLimits(large_at_once=1, at_once=2, wait=0.01)
        desk = Desk(limits)
        first = asyncio.create_task(desk.read("a", LARGE))
        await settled()
        with pytest.raises(Busy) as refused:
            await desk.read("a", LARGE)
        assert refused.value.retry_after > 0
        desk.end()
        await first
        async with limits.turn("a", LARGE), limits.turn("a", 10):
            pass

    scenario(steps)


def test_a_query_has_so_many_series_and_no_more() -> None:
    check_series(MAX_SERIES)
    with pytest.raises(Invalid, match="use a filter"):
        check_series(MAX_SERIES + 1)


def test_large_queries_take_turns_tenant_by_tenant() -> None:
    async def steps() -> None:
        limits, order = QueryLimits(large_at_once=1), []
        blocker = asyncio.Event()

        async def read(tenant: str) -> None:
            async with limits.turn(tenant, LARGE):
                order.append(tenant)
                await blocker.wait()

        tasks = [asyncio.create_task(read(tenant)) for tenant in "aaaabc"]
        await settled()
        blocker.set()
        await asyncio.gather(*tasks)
        assert "".join(order) == "aabcaa"

    scenario(steps)


def test_who_gives_up_waiting_keeps_nobody_from_a_turn() -> None:
    async def steps() -> None:
        limits = QueryLimits(large_at_once=1)
        desk = Desk(limits)
        tasks = [asyncio.create_task(desk.read(tenant, LARGE)) for tenant in ("a", "b", "b", "c")]
        await settled()
        for task in tasks[1:3]:
            task.cancel()
        desk.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Given up in the moment in which the turn came.
        async with limits.turn("a", LARGE):
            waiting = asyncio.create_task(desk.read("b", LARGE))
            await settled()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(1), limits.turn("a", LARGE):
            pass

    scenario(steps)
