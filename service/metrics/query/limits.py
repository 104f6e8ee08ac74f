"""Bounds on queries, so that one reader's cannot keep everybody else's from being answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from service.metrics.query.spec import AggregateQuery
from sql.errors import Busy, Invalid, Problem
from sql.messages import Message

# Of one query. A service has up to 10,000 by default.
MAX_SERIES = 50_000
# Buckets read from here on make a query a large one: it takes the database a core for a while.
LARGE = 100_000
# Queries of a tenant at once, and how long one waits for its turn, in seconds.
AT_ONCE = 8
WAIT = 10.0


class QueryLimits:
    """Turns of queries: of a tenant so many at once, of all that are large one."""

    def __init__(self, *, at_once: int = AT_ONCE, wait: float = WAIT) -> None:
        self._at_once = at_once
        self._wait = wait
        self._large = asyncio.Semaphore(1)
        self._tenants: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, tenant: str, buckets: float) -> AsyncIterator[None]:
        """The length of a query that reads about so many buckets.

        Raises:
            Busy: others took all the time that one waits.
        """
        of_tenant = self._tenants.setdefault(tenant, asyncio.Semaphore(self._at_once))
        if buckets < LARGE and not of_tenant.locked():
            async with of_tenant:
                yield
            return
        taken: list[asyncio.Semaphore] = []
        try:
            async with asyncio.timeout(self._wait):
                for one in (*([self._large] if buckets >= LARGE else ()), of_tenant):
                    await one.acquire()
                    taken.append(one)
        except TimeoutError as error:
            for one in taken:
                one.release()
            raise Busy(Message("Too many large queries at once; try again"), 5) from error
        try:
            yield
        finally:
            for one in taken:
                one.release()


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
