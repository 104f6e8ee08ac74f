"""Reading from a streaming replica while it keeps up, and from the primary while it does not."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import structlog
from prometheus_client import Gauge
from psycopg_pool import PoolTimeout

from sql.database import Connection, Connections, Pool, fetch_all
from sql.errors import DatabaseError, DatabaseUnavailable

# Who waits longer for a connection to the replica takes one to the primary.
PATIENCE_SECONDS = 1.0
# A look that takes longer has found it out of order.
LOOK_SECONDS = 2.0
# Positions that a replica has not reached yet; one is noted a second.
_MOST_MARKS = 3600

LAG = Gauge(
    "fature_replica_lag_seconds",
    "How old what the replica shows may be; +Inf while that is not known.",
    ["replica"],
    multiprocess_mode="livemax",
)
IN_USE = Gauge(
    "fature_replica_in_use",
    "Whether queries go to the replica; 0 where one process or more reads from the primary.",
    ["replica"],
    multiprocess_mode="livemin",
)

Read = TypeVar("Read")

# Set while a read that failed under way is done once more.
_primary_only: ContextVar[bool] = ContextVar("primary_only", default=False)

_log = structlog.get_logger()


class ReplicaLag:
    """How far a replica is behind: the age of the newest position of the primary that it has
    replayed. That is right while nothing is written, and when the replica is cut off, which
    then takes what it has received for everything.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque(maxlen=_MOST_MARKS)
        self._reached_at: float | None = None

    def primary_was_at(self, position: int, now: float) -> None:
        """Everything acknowledged before `now` is up to `position`."""
        self._marks.append((now, position))

    def replica_is_at(self, position: int) -> None:
        """Note that the replica has replayed the log up to `position`."""
        while self._marks and self._marks[0][1] <= position:
            self._reached_at, _ = self._marks.popleft()

    def seconds(self, now: float) -> float:
        """At most so old is what the replica shows; infinite until it is known."""
        return float("inf") if self._reached_at is None else now - self._reached_at


class Reads:
    """Connections for queries. `watch` must be called every second where there is a replica."""

    def __init__(
        self,
        primary: Pool,
        replica: Pool | None = None,
        *,
        name: str = "",
        max_lag: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._replica = replica
        self._name = name
        self._max_lag = max_lag
        self._clock = clock
        self._lag = ReplicaLag()
        self._in_use = False
        self._used_until = float("-inf")

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """To the replica while it keeps up and has one to spare, else to the primary."""
        return self._connection(self._primary, self._replica)

    def beside(self, primary: Pool, replica: Pool | None) -> Connections:
        """The same choice between other pools of the same servers."""
        return _Beside(self, primary, replica)

    def _connection(
        self, primary: Pool, replica: Pool | None
    ) -> AbstractAsyncContextManager[Connection]:
        if replica is None or not self._in_use or _primary_only.get():
            return primary.connection()
        return self._replica_first(primary, replica)

    @asynccontextmanager
    async def _replica_first(self, primary: Pool, replica: Pool) -> AsyncIterator[Connection]:
        try:
            async with AsyncExitStack() as stack:
                conn = await self._from(replica, stack)
                if conn is None:
                    conn = await stack.enter_async_context(primary.connection())
                yield conn
        finally:
            self._used_until = self._clock()

    async def _from(self, replica: Pool, stack: AsyncExitStack) -> Connection | None:
        try:
            waiting = replica.connection(timeout=PATIENCE_SECONDS)
            return await stack.enter_async_context(waiting)
        except PoolTimeout:
            self._use(False, "it has no connection to spare")
            return None

    async def retrying(self, read: Callable[[], Awaitable[Read]]) -> Read:
        """The result of `read`; once more, from the primary, where a replica may have failed under
        way. From then on everything is read from the primary, until the next look finds the
        replica in order.
        """
        began = self._clock()
        try:
            return await read()
        except DatabaseUnavailable as error:
            # It may have come into use since the read began, or failed under another that this
            # one waited for.
            if self._used_until < began:
                raise
            self._use(False, str(error))
        token = _primary_only.set(True)
        try:
            return await read()
        finally:
            _primary_only.reset(token)

    async def watch(self) -> None:
        """Look how far the replica is, and use it if that is near enough."""
        assert self._replica is not None
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                reason = await self._look(self._replica)
        except (DatabaseError, TimeoutError) as error:
            self._use(False, str(error) or "it does not answer")
        else:
            self._use(reason is None, reason or "")

    async def _look(self, replica: Pool) -> str | None:
        """Why the replica cannot be used now."""
        now = self._clock()
        (primary,) = await fetch_all(self._primary, "wal_position")
        (found,) = await fetch_all(replica, "wal_position")
        if found["timeline"] not in (None, primary["timeline"]):
            return "it was promoted, and follows the primary no more"
        self._lag.primary_was_at(primary["position"], now)
        self._lag.replica_is_at(found["position"] or 0)
        lag = self._lag.seconds(self._clock())
        return None if lag <= self._max_lag else f"it is {lag:.0f} s behind"

    def _use(self, usable: bool, reason: str) -> None:
        IN_USE.labels(self._name).set(usable)
        LAG.labels(self._name).set(self._lag.seconds(self._clock()))
        if usable and not self._in_use:
            _log.info("reading_from_replica", replica=self._name)
        if self._in_use and not usable:
            _log.warning("reading_from_primary", replica=self._name, reason=reason)
        self._in_use = usable


@dataclass(frozen=True, slots=True)
class _Beside:
    reads: Reads
    primary: Pool
    replica: Pool | None

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        return self.reads._connection(self.primary, self.replica)
