"""Bounds on queries, so that one reader's cannot keep everybody else's from being answered."""

import asyncio
import os
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from service.metrics.query.spec import AggregateQuery
from sql.errors import Busy, Invalid, Problem
from sql.messages import Message

# Of one query. A service has up to 10,000 by default.
MAX_SERIES = 50_000
# Buckets or series read from here on make a query a large one: it takes the database a core for a
# while. As many are read at once as leave half of the cores to others.
LARGE = 10_000
MANY_SERIES = 2_000
LARGE_AT_ONCE = max((os.cpu_count() or 1) // 2, 1)
# Queries of a tenant at once, and how long one waits for its turn, in seconds.
AT_ONCE = 4
WAIT = 10.0


class FairSlots:
    """So many slots. Those who wait get one tenant by tenant, so that nobody waits for all that
    another tenant asks for.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        # The tenant that got a slot last is the last.
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def acquire(self, tenant: str) -> None:
        """Take a slot once there is one."""
        if self._free:
            self._free -= 1
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                # It came in the same moment.
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back, to who is next."""
        while self._waiting:
            tenant, futures = self._waiting.popitem(last=False)
            while futures:
                if not (future := futures.popleft()).done():
                    future.set_result(None)
                    if futures:
                        self._waiting[tenant] = futures
                    return
        self._free += 1


class QueryLimits:
    """Turns of queries: so many of a tenant at once, and so many large ones, tenant by tenant."""

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        large_at_once: int = LARGE_AT_ONCE,
        wait: float = WAIT,
    ) -> None:
        self._at_once = at_once
        self._wait = wait
        self._large = FairSlots(large_at_once)
        self._tenants: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, tenant: str, buckets: float, series: int = 0) -> AsyncIterator[None]:
        """The length of a query that reads about so many buckets, or looks up so many series.

        Raises:
            Busy: others took all the time that one waits.
        """
        of_tenant = self._tenants.setdefault(tenant, asyncio.Semaphore(self._at_once))
        is_large = buckets >= LARGE or series >= MANY_SERIES
        if not is_large and not of_tenant.locked():
            async with of_tenant:
                yield
            return
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._wait):
                    if is_large:
                        await self._large.acquire(tenant)
                        stack.callback(self._large.release)
                    await stack.enter_async_context(of_tenant)
            except TimeoutError as error:
                raise Busy(Message("Too many large queries at once; try again"), 5) from error
            yield


def check_series(count: int) -> None:
    """Refuse a query of more series than one may have.

    Raises:
        Invalid: it has too many.
    """
    if count > MAX_SERIES:
        message = Message(
            "The selection has {count} series, and a query at most {limit}: use a filter",
            {"count": count, "limit": MAX_SERIES},
        )
        raise Invalid(Problem(message))


def check_age(query: AggregateQuery, minutes_kept: timedelta, now: datetime) -> None:
    """Refuse minutes of days that are not kept any more: they would look as if nothing had come.

    Raises:
        Invalid: the range begins before the days whose minutes are kept.
    """
    day = timedelta(days=1)
    if query.period == "minute" and query.since and query.since < now - minutes_kept - day:
        message = Message(
            "Values per minute are kept for {days} days: begin later or take a longer period",
            {"days": minutes_kept // day},
        )
        raise Invalid(Problem(message, "start_date"))
