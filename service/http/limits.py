"""Rate limits: so many requests of one caller to one process."""

import asyncio
import math
import time
from dataclasses import dataclass

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Message as AsgiMessage
from starlette.types import Scope as AsgiScope

from service.http.errors import refusal
from sql.errors import Throttled
from sql.messages import Message

# Tokens are leased in thousandths of the limit: one costs as much as many.
_LEASES = 1000


@dataclass(slots=True)
class _Lease:
    """Tokens a caller took from the limit, `left` of them unused; `remaining` and `resets_at` are
    how the limit stood then. Times in Unix seconds.
    """

    left: int
    remaining: int
    resets_at: float
    good_until: float

    def is_good(self, now: float) -> bool:
        """Whether a request may be taken from it."""
        return self.left > 0 and now < self.good_until


class RateLimits:
    """Answers 429 to a caller over the limit (such as ``600/minute``), and gives every
    authenticated caller what is left of it (draft-ietf-httpapi-ratelimit-headers).
    """

    def __init__(self, app: ASGIApp, limit: str) -> None:
        self.app = app
        self._limit = parse(limit)
        self._policy = f'"caller";q={self._limit.amount};w={self._limit.get_expiry()}'.encode()
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._size = max(1, self._limit.amount // _LEASES)
        self._leases: dict[str, _Lease] = {}
        self._taking = asyncio.Lock()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        principal = scope.get("principal")
        if principal is None:
            await self.app(scope, receive, send)
            return
        now = time.time()
        lease = self._leases.get(principal.id)
        if lease is None or not lease.is_good(now):
            lease = await self._next_lease(principal.id, now)
        allowed = lease.left > 0
        lease.left -= allowed
        wait = max(1, math.ceil(lease.resets_at - now))
        headers = [
            (b"ratelimit-policy", self._policy),
            (b"ratelimit", f'"caller";r={lease.remaining + lease.left};t={wait}'.encode()),
        ]

        async def send_with_limit(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        if allowed:
            await self.app(scope, receive, send_with_limit)
            return
        answer = refusal(Request(scope), self._over(wait))
        await answer(scope, receive, send_with_limit)

    def _over(self, wait: int) -> Throttled:
        amount, seconds = self._limit.amount, self._limit.get_expiry()
        message = Message(
            "More than {amount} requests in {seconds} seconds: try again in {wait} s",
            {"amount": amount, "seconds": seconds, "wait": wait},
        )
        return Throttled(message, wait)

    async def _next_lease(self, caller: str, now: float) -> _Lease:
        """One for all requests that came together."""
        async with self._taking:
            lease = self._leases.get(caller)
            if lease is None or not lease.is_good(now):
                lease = self._leases[caller] = await self._take(caller)
            return lease

    async def _take(self, caller: str) -> _Lease:
        """A whole lease, or a single token where no lease is left; empty over the limit."""
        for size in (self._size, 1):
            if await self._limiter.hit(self._limit, caller, cost=size):
                break
        else:
            size = 0
        stats = await self._limiter.get_window_stats(self._limit, caller)
        remaining = stats.remaining if size else 0
        return _Lease(size, remaining, stats.reset_time, time.time() + self._limit.get_expiry())
