"""The group-committing writer: one per process, one transaction per flush.

A flush takes whatever waits, writes it with COPY and answers every request after the
commit; the next starts when it ends. So a lone request waits for one commit only, and
under load many share one.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from service.metrics.ingest.flush import write
from service.metrics.ingest.idempotency import Answer, Receipt, first_answer
from service.metrics.ingest.prepare import IdempotencyKey, Submission
from sql.connections import Connection
from sql.database import Pool, connection, within
from sql.errors import (
    Busy,
    ConnectionLost,
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    DiskFull,
    translated_errors,
)
from sql.messages import Message

MAX_FLUSH_ROWS = 20_000
MAX_WAITING_ROWS = 100_000
# One transaction; and from `submit` to a refusal, as long as a connection is waited for.
FLUSH_LIMIT_SECONDS = 4.0
_REFUSAL_SECONDS = 5.0
_LEAST_PATIENCE_SECONDS = 1.0
_UNCONFIRMED = Message(
    "The database did not answer: the samples may or may not have been stored; try again with "
    "the same Idempotency-Key"
)
_QUEUE_FULL = Message("Too many samples wait for the database; try again")

WAITING = Gauge(
    "fature_ingest_waiting_samples",
    "Samples that wait for the next flush.",
    multiprocess_mode="livesum",
)

_log = structlog.get_logger()


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    answer: asyncio.Future[Receipt]
    since: float


class Writer:
    """Queue in front of the database. `run` must be running while `submit` is awaited."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queue: deque[_Waiting] = deque()
        self._waiting_rows = 0
        self._wake = asyncio.Event()
        self._closing = False
        self._in_flight: list[_Waiting] = []
        self.disk_is_full = False

    @property
    def oldest_wait_seconds(self) -> float:
        """How long the oldest sample that is not stored yet has waited."""
        oldest = [*self._in_flight[:1], *list(self._queue)[:1]]
        return max((time.monotonic() - waiting.since for waiting in oldest), default=0.0)

    async def submit(self, submission: Submission) -> Receipt:
        """Wait until the samples are committed.

        Raises:
            Busy: the queue is full, and nothing was taken; or the database fell silent, and
                whether the samples are stored is unknown.
            Conflict: the Idempotency-Key came with another body before; nothing was stored.
            DomainError: the submission's step refused; nothing was stored.
            DatabaseUnavailable: the database is away; nothing was stored.
            DatabaseError: the database refused these samples; nothing was stored.
        """
        if self._closing or self._waiting_rows + submission.count > MAX_WAITING_ROWS:
            raise Busy(_QUEUE_FULL)
        answer = asyncio.get_running_loop().create_future()
        waiting = _Waiting(submission, answer, time.monotonic())
        self._queue.append(waiting)
        self._waiting_rows += submission.count
        WAITING.inc(submission.count)
        self._wake.set()
        return await waiting.answer

    async def first_answer(self, key: IdempotencyKey) -> Receipt | None:
        """The first answer under that key, if there was one.

        Raises:
            Conflict: to another body.
        """
        async with connection(self._pool) as conn:
            return await first_answer(conn, key)

    async def run(self) -> None:
        """Flush until `close` was called and nothing waits."""
        while self._queue or not self._closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._flush(self._take())

    def close(self) -> None:
        """Take nothing more; `run` ends when the queue is empty."""
        self._closing = True
        self._wake.set()

    def _take(self) -> list[_Waiting]:
        """The requests of the next flush. A second request under the same key stays for the
        one after, where it finds the first one's answer.
        """
        taken: list[_Waiting] = []
        later: list[_Waiting] = []
        keys = set()
        rows = 0
        while self._queue and rows < MAX_FLUSH_ROWS:
            waiting = self._queue.popleft()
            if key := waiting.submission.idempotency:
                if (key.principal, key.key) in keys:
                    later.append(waiting)
                    continue
                keys.add((key.principal, key.key))
            taken.append(waiting)
            rows += waiting.submission.count
        self._queue.extendleft(reversed(later))
        self._waiting_rows -= rows
        WAITING.dec(rows)
        return taken

    async def _flush(self, taken: list[_Waiting], *, go_on: bool = True) -> None:
        """Write those and, on the same connection, what waits by then, until nothing does."""
        try:
            with translated_errors():
                async with self._pool.connection(timeout=_patience(taken)) as conn:
                    while taken:
                        self._in_flight = taken
                        async with within(FLUSH_LIMIT_SECONDS):
                            await _answer(conn, taken)
                        self.disk_is_full = False
                        taken = self._take() if go_on else []
        except ConnectionLost as error:
            _log.warning("flush_unconfirmed", requests=len(taken), reason=str(error))
            refusal = Busy(_UNCONFIRMED)
            refusal.__cause__ = error
            _fail(taken, refusal)
        except DatabaseError as error:
            self.disk_is_full = isinstance(error, DiskFull)
            if len(taken) > 1 and _may_be_one_alone(error):
                _log.warning("flush_split", requests=len(taken), reason=str(error))
                for waiting in taken:
                    await self._flush([waiting], go_on=False)
            else:
                _fail(taken, error)
        except Exception as error:
            _log.error("flush_failed", exc_info=error)
            _fail(taken, error)
        finally:
            self._in_flight = []


def _patience(taken: Sequence[_Waiting]) -> float:
    """Seconds to wait for a connection, so that no caller waits long for a refusal."""
    waited = time.monotonic() - taken[0].since
    return max(_REFUSAL_SECONDS - waited, _LEAST_PATIENCE_SECONDS)


async def _answer(conn: Connection, taken: Sequence[_Waiting]) -> None:
    """Write those, and give the answers after the commit."""
    answers = await write(conn, [waiting.submission for waiting in taken])
    for waiting, answer in zip(taken, answers, strict=True):
        if not waiting.answer.done():
            _settle(waiting.answer, answer)


def _may_be_one_alone(error: DatabaseError) -> bool:
    """True where the failure may be due to one request alone, so that trying each by itself saves
    the others: a refused value, or a lock held on one key. Not so an outage.
    """
    return isinstance(error, DatabaseTimeout) or not isinstance(error, DatabaseUnavailable)


def _settle(answer: asyncio.Future[Receipt], outcome: Answer) -> None:
    if isinstance(outcome, Receipt):
        answer.set_result(outcome)
    else:
        answer.set_exception(outcome)


def _fail(taken: Sequence[_Waiting], error: Exception) -> None:
    for waiting in taken:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
