"""HTTP connections as uvicorn has them, but with fewer packets and a friendlier end."""

import asyncio
import re
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# How long a connection without a request under way is kept for one that was just sent.
LINGER_SECONDS = 1.0
_LARGE = 64 * 1024
_REQUEST_LINE = re.compile(rb"[A-Z]+ [^\r\n]+ HTTP/1\.1\r\n")
_UPGRADE = re.compile(rb"\r\nUpgrade:[^\r\n]*", re.IGNORECASE)


class HttpConnection(HttpToolsProtocol):
    """Sends the head of an answer together with its body. When the server stops, a connection
    without a request under way is not cut at once: the client may just have sent one.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """uvicorn's start with a connection."""
        super().connection_made(cast("asyncio.Transport", _OneWrite(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        """Bytes of requests. The offer of another protocol, as Java's client makes one of HTTP/2
        with its first request, is passed over: the parser would take the body for that protocol.
        """
        if b"pgrade:" in data and _REQUEST_LINE.match(data):
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _UPGRADE.sub(b"", head) + end + rest
        super().data_received(data)

    def shutdown(self) -> None:
        """uvicorn's call, once nothing new is accepted; it then waits for all connections."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LINGER_SECONDS, super().shutdown)
        else:
            super().shutdown()


class _OneWrite:
    """A transport that hands over what is written in one turn of the event loop at its end, in
    one system call. uvicorn writes the head of an answer and its body separately: that is two
    packets, and a client that wakes for the first finds nothing to do yet.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Soon; what is large at once, so that the transport can say that it is too much."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)
        if len(data) > _LARGE:
            self._flush()

    def close(self) -> None:
        """After what was written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._transport.write(b"".join(waiting))
