"""HTTP connections as uvicorn has them, but with fewer packets, limits and a friendlier end."""

import asyncio
import re
import resource
import time
from collections.abc import Collection
from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# How long a connection without a request under way is kept for one that was just sent.
LINGER_SECONDS = 1.0
# A request has to be there so long after its first byte, or after the connection was made.
INCOMPLETE_SECONDS = 30.0
# Files of this process that are no connections of clients: to the database, logs, libraries.
_OTHER_FILES = 128
_ENOUGH_FILES = 65_536
_LARGE = 64 * 1024

_log = structlog.get_logger()
_REQUEST_LINE = re.compile(rb"[A-Z]+ [^\r\n]+ HTTP/1\.1\r\n")
_UPGRADE = re.compile(rb"\r\nUpgrade:[^\r\n]*", re.IGNORECASE)


def raise_file_limit() -> None:
    """Let this process and its workers have as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class HttpConnection(HttpToolsProtocol):
    """Sends the head of an answer together with its body. When the server stops, a connection
    without a request under way is not cut at once: the client may just have sent one. A request
    that does not come to its end is given up, and where there are too many connections the one
    that was idle longest makes room.
    """

    since: float = 0.0
    _incomplete: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """uvicorn's start with a connection."""
        super().connection_made(cast("asyncio.Transport", _OneWrite(transport, self.loop)))
        self._expect_request()
        _rooms.make(cast("set[HttpConnection]", self.connections))

    def data_received(self, data: bytes) -> None:
        """Bytes of requests. The offer of another protocol, as Java's client makes one of HTTP/2
        with its first request, is passed over: the parser would take the body for that protocol.
        """
        if b"pgrade:" in data and _REQUEST_LINE.match(data):
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _UPGRADE.sub(b"", head) + end + rest
        super().data_received(data)
        if self.is_idle and not (self._incomplete or self.timeout_keep_alive_task):
            # Empty lines, which the parser skips, have ended uvicorn's wait for a request.
            self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """uvicorn's end of it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._expect_request()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._stop_waiting()
        super().on_message_complete()

    @property
    def is_idle(self) -> bool:
        """Nothing is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_request(self) -> None:
        self._stop_waiting()
        self.since = time.monotonic()
        self._incomplete = self.loop.call_later(INCOMPLETE_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._incomplete:
            self._incomplete.cancel()
            self._incomplete = None

    def _give_up(self) -> None:
        if self.flow.read_paused:
            # It is this process that does not read on.
            self._expect_request()
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """uvicorn's call, once nothing new is accepted; it then waits for all connections."""
        if self.is_idle:
            self.loop.call_later(LINGER_SECONDS, super().shutdown)
        else:
            super().shutdown()


class _Rooms:
    """Keeps the connections below the limit of files, and says so now and then."""

    def __init__(self) -> None:
        self._said_at = float("-inf")

    def make(self, connections: Collection[HttpConnection]) -> None:
        """Close the one that was idle longest where there are too many."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        found = list(connections) if len(connections) > max(soft - _OTHER_FILES, 1) else []
        idle = [one for one in found if one.is_idle]
        if not idle:
            return
        min(idle, key=lambda one: one.since).transport.abort()
        if time.monotonic() - self._said_at > 10:
            self._said_at = time.monotonic()
            _log.warning("connections_limited", connections=len(found), files=soft)


_rooms = _Rooms()


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
