"""Connections that end when the server behind them falls silent.

A peer that vanished (a failover, a firewall that forgot) sends nothing, not even an end: whoever
waits for its answer would wait for minutes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, errors, waiting
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow

# Seconds; the kernel gives up a peer that acknowledges nothing.
_LIVENESS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # in ms
}
# Silence for so long says something about the other connections to that server, too.
_SUSPICIOUS = 0.9
_CANCEL_SECONDS = 1.0

Answer = TypeVar("Answer")


def liveness(url: str) -> dict[str, Any]:
    """Options by which a connection to `url` notices that its peer vanished; what the URL sets
    itself stays.
    """
    given = conninfo_to_dict(url)
    return {name: value for name, value in _LIVENESS.items() if name not in given}


class Connection(AsyncConnection[DictRow]):
    """A connection that waits at most `patience` seconds for each answer of the server.

    It is closed then, as it is where its caller stops waiting: the server, which looks for its
    client, ends the statement. `on_silence` is awaited where it was silent for long, before
    the caller is told: it may try again at once. With `ends_statements` callers stop waiting for
    what takes too long, which is no silence: the server is told to end the statement.
    """

    patience: float = 15.0
    heard_at: float = 0.0
    on_silence: Callable[[], Awaitable[None]] | None = None
    ends_statements: bool = False

    async def wait(
        self,
        gen: PQGen[Answer],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's own signature
    ) -> Answer:
        """Complete one exchange with the server.

        Raises:
            psycopg.OperationalError: it did not answer in time.
        """
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        started = time.monotonic()
        try:
            answer = await waiting.wait_async(
                gen, self.pgconn.socket, interval=interval, timeout=self.patience
            )
        except errors._WaitTimeout:
            await self._give_up(started)
            raise psycopg.OperationalError(
                f"the server did not answer within {self.patience:g} s"
            ) from None
        except asyncio.CancelledError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                await (self._end_statement() if self.ends_statements else self._give_up(started))
            raise
        self.heard_at = time.monotonic()
        return answer

    async def _end_statement(self) -> None:
        with suppress(psycopg.Error):
            await self.cancel_safe(timeout=_CANCEL_SECONDS)
        self.pgconn.finish()

    async def _give_up(self, started: float) -> None:
        self.pgconn.finish()
        if self.on_silence and time.monotonic() - started > _SUSPICIOUS:
            await self.on_silence()
