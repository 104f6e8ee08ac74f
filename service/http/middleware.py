"""Around every request: its id, and headers that browsers keep by."""

import random
import re

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.runtime.stopping import Stopping

# https://www.w3.org/TR/trace-context/: version, trace id (not all zeros), parent id, flags.
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
# Answers hold figures and keys: nobody stores them, frames them or guesses what they are.
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cache-control", b"no-store"),
]
_SAFE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


class RequestHeaders:
    """Gives every request an id (the caller's ``X-Request-ID``, else the trace id of its
    ``traceparent``, else a new one), in its response and every log line, and every response
    the security headers that it does not have yet.

    Outside everything else, so that even the answer to an unexpected failure has them.
    """

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        self.app = app
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = scope["request_id"] = _given_id(scope) or _new_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in _SECURITY if header[0] not in said),
                    (b"x-request-id", request_id.encode()),
                ]
                if self.stopping.last_answers:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _new_id() -> str:
    """Unique, but no secret: the system's source of randomness would cost more."""
    return f"{random.getrandbits(128):032x}"


def _given_id(scope: Scope) -> str | None:
    trace_id = None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value):
            return str(value, "ascii")
        if name == b"traceparent" and (trace := _TRACE.fullmatch(value)):
            trace_id = str(trace[1], "ascii")
    return trace_id
