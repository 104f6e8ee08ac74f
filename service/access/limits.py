"""Rate limits: so many requests of one caller to one process."""

import math
import time

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from service.errors import error_response


class RateLimits:
    """Answers 429 to a caller over the limit (such as ``600/minute``), and tells every
    authenticated caller where it stands (draft-ietf-httpapi-ratelimit-headers).
    """

    def __init__(self, app: ASGIApp, limit: str) -> None:
        self.app = app
        self._limit = parse(limit)
        self._policy = f'"caller";q={self._limit.amount};w={self._limit.get_expiry()}'.encode()
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        principal = scope.get("principal")
        if principal is None:
            await self.app(scope, receive, send)
            return
        allowed = await self._limiter.hit(self._limit, principal.id)
        stats = await self._limiter.get_window_stats(self._limit, principal.id)
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        remaining = stats.remaining if allowed else 0
        headers = [
            (b"ratelimit-policy", self._policy),
            (b"ratelimit", f'"caller";r={remaining};t={wait}'.encode()),
        ]

        async def send_with_limit(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        if allowed:
            await self.app(scope, receive, send_with_limit)
            return
        text = f"More than {self._limit.amount} requests in {self._limit.get_expiry()} seconds"
        answer = error_response(Request(scope), 429, text, headers={"Retry-After": str(wait)})
        await answer(scope, receive, send_with_limit)
