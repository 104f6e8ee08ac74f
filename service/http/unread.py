"""Answers before a request was read to its end: the rest is read and discarded first, since a
client that still sends when the connection closes never reads its answer.
"""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_DISCARDED = 64 * 1024 * 1024
MAX_SECONDS = 10.0
_CLOSE = (b"connection", b"close")


class ReadToTheEnd:
    """Holds the start of an answer back until the request was read, within limits of size and
    time; past them, or where the client waits for ``100 Continue``, the connection is closed
    after the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        unread = _Unread(receive, waits=_expects_continue(scope))

        async def send_after(message: Message) -> None:
            if message["type"] == "http.response.start" and not await unread.discard():
                message["headers"] = [*message["headers"], _CLOSE]
            await send(message)

        await self.app(scope, unread.receive, send_after)


class _Unread:
    """The part of a request that the app did not read; with `waits` the client sends the body
    only when asked for it.
    """

    def __init__(self, receive: Callable[[], Awaitable[Message]], *, waits: bool) -> None:
        self._receive = receive
        self._waits = waits
        self._is_read = False

    async def receive(self) -> Message:
        """ASGI's receive."""
        self._waits = False
        message = await self._receive()
        self._is_read = self._is_read or not message.get("more_body", False)
        return message

    async def discard(self) -> bool:
        """Read what is left; False where the client may have more to send."""
        if self._waits:
            return False
        discarded = 0
        try:
            async with asyncio.timeout(MAX_SECONDS):
                while not self._is_read and discarded <= MAX_DISCARDED:
                    discarded += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return False
        return self._is_read


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _expects_continue(scope: Scope) -> bool:
    return any(
        name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"]
    )
