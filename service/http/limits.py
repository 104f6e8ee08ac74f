"""Rate limits: so many requests of one caller to one process."""

import asyncio
import math
import time
from dataclasses import dataclass

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from service.http.errors import error_response

# Requests are counted in lots of a thousandth of the limit: one costs as much as many.
_LOTS = 1000


@dataclass(slots=True)
class _Lot:
    """What a caller took from the limit and has not used yet; `remaining` and `resets_at` are
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
    """Answers 429 to a caller over the limit (such as ``600/minute``), and tells every
    authenticated caller where it stands (draft-ietf-httpapi-ratelimit-headers).
    """

    def __init__(self, app: ASGIApp, limit: str) -> None:
        self.app = app
        self._limit = parse(limit)
        self._policy = f'"caller";q={self._limit.amount};w={self._limit.get_expiry()}'.encode()
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._size = max(1, self._limit.amount // _LOTS)
        self._lots: dict[str, _Lot] = {}
        self._taking = asyncio.Lock()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        principal = scope.get("principal")
        if principal is None:
            await self.app(scope, receive, send)
            return
        now = time.time()
        lot = self._lots.get(principal.id)
        if lot is None or not lot.is_good(now):
            lot = await self._next_lot(principal.id, now)
        allowed = lot.left > 0
        lot.left -= allowed
        wait = max(1, math.ceil(lot.resets_at - now))
        headers = [
            (b"ratelimit-policy", self._policy),
            (b"ratelimit", f'"caller";r={lot.remaining + lot.left};t={wait}'.encode()),
        ]

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        if allowed:
            await self.app(scope, receive, send_with_limit)
            return
        text = (
            f"More than {self._limit.amount} requests in {self._limit.get_expiry()} seconds: "
            f"try again in {wait} s"
        )
        answer = error_response(Request(scope), 429, text, headers={"Retry-After": str(wait)})
        await answer(scope, receive, send_with_limit)

    async def _next_lot(self, caller: str, now: float) -> _Lot:
        """One for all requests that came together."""
        async with self._taking:
            lot = self._lots.get(caller)
            if lot is None or not lot.is_good(now):
                lot = self._lots[caller] = await self._take(caller)
            return lot

    async def _take(self, caller: str) -> _Lot:
        """A whole lot, or a single request where no lot is left; empty over the limit."""
        for size in (self._size, 1):
            if await self._limiter.hit(self._limit, caller, cost=size):
                break
        else:
            size = 0
        stats = await self._limiter.get_window_stats(self._limit, caller)
        remaining = stats.remaining if size else 0
        return _Lot(size, remaining, stats.reset_time, time.time() + self._limit.get_expiry())
