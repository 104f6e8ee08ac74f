"""A gatekeeper of a broker of Kafka's protocol: TLS and the log-in (SASL, PLAIN) that brokers
without any of these have not; what passes it is passed on as it is.
"""

import asyncio
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

API_VERSIONS, HANDSHAKE, AUTHENTICATE = 18, 17, 36
REFUSED = 58


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Keeps `port` before the broker at `broker`, with `tls` or without; `login` are the name and
    password that it wants, if it wants any.
    """

    port: int
    broker: int
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None

    async def meet(self, near: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        with suppress(OSError, asyncio.IncompleteReadError):
            far, requests = await asyncio.open_connection("127.0.0.1", self.broker)
            try:
                if self.login is None or await self._lets_in(near, answers, far, requests):
                    await asyncio.wait(
                        [
                            asyncio.create_task(_pass_on(near, requests)),
                            asyncio.create_task(_pass_on(far, answers)),
                        ],
                        return_when=asyncio.FIRST_COMPLETED,
                    )
            finally:
                requests.close()
                answers.close()

    async def _lets_in(
        self,
        near: asyncio.StreamReader,
        answers: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
    ) -> bool:
        while True:
            request = await _frame(near)
            kind, _, number = struct.unpack_from("!hhi", request)
            if kind == API_VERSIONS:
                requests.write(struct.pack("!i", len(request)) + request)
                body = _with_login(await _frame(far))
            elif kind == HANDSHAKE:
                body = struct.pack("!ihih", number, 0, 1, 5) + b"PLAIN"
            elif kind == AUTHENTICATE:
                _, name, password = request.rsplit(b"\0", 2)
                if (name.decode(), password.decode()) != self.login:
                    text = b"wrong name or password"
                    body = struct.pack("!ihh", number, REFUSED, len(text)) + text + b"\0\0\0\0"
                else:
                    body = struct.pack("!ihhi", number, 0, -1, 0)
            else:
                return False
            answers.write(struct.pack("!i", len(body)) + body)
            await answers.drain()
            if kind == AUTHENTICATE:
                return body[4:6] == b"\0\0"


def _with_login(answer: bytes) -> bytes:
    """The versions that a broker has, and those of the log-in."""
    number, error, count = struct.unpack_from("!ihi", answer)
    own = struct.pack("!hhhhhh", HANDSHAKE, 0, 1, AUTHENTICATE, 0, 0)
    end = 10 + 6 * count
    head = struct.pack("!ihi", number, error, count + 2)
    return head + answer[10:end] + own + answer[end:]


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    return await reader.readexactly(length)


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()


@contextmanager
def keeping(gatekeeper: Gatekeeper) -> Iterator[None]:
    """In a thread of its own meanwhile."""
    loop = asyncio.new_event_loop()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(
            gatekeeper.meet, "127.0.0.1", gatekeeper.port, ssl=gatekeeper.tls
        )

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
