"""Load over HTTP: prebuilt requests on keep-alive connections, one at a time on each.

It shares the machine with what it measures, so it does as little as it can: an asyncio
protocol on uvloop, in a process of its own.
"""

import asyncio
import gc
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

import uvloop

_CONNECT_SECONDS = 10.0
_DRAIN_SECONDS = 60.0
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests to send, over and over. A connection sends its next request when the last one
    is answered; with `rate`, so many requests fall due every second, whatever the answers do.
    Ends after `seconds` or once `most` requests were answered.
    """

    port: int
    requests: Sequence[bytes]
    connections: int
    seconds: float
    warm_up: float = 0.0
    rate: float | None = None
    most: int | None = None


class LoadError(Exception):
    """Requests were refused or not answered at all."""


@dataclass(slots=True)
class Outcome:
    """Results of the requests after the warm-up: seconds until each was answered (with a
    rate, from when it fell due). `answered` counts all, `refused` those without success;
    `cpu` are the CPU seconds that the load itself took.
    """

    durations: list[float] = field(default_factory=list)
    seconds: float = 0.0
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    cpu: float = 0.0

    @property
    def per_second(self) -> float:
        """Requests that were answered with success."""
        return len(self.durations) / self.seconds if self.durations else 0.0

    def add(self, other: "Outcome") -> None:
        """Add the results of more of the same requests, sent at another time."""
        self.durations += other.durations
        self.seconds += other.seconds
        self.answered += other.answered
        self.refused += other.refused
        self.cpu += other.cpu

    def check(self) -> None:
        """Figures of failures say nothing.

        Raises:
            LoadError: some were refused, or none answered in the time.
        """
        if self.refused or not self.durations:
            raise LoadError(f"{len(self.durations)} successes, refusals: {dict(self.refused)}")


def drive(plan: Plan) -> Outcome:
    """Send the load and wait for the answers."""
    gc.disable()
    try:
        return uvloop.run(_drive(plan))
    finally:
        gc.enable()


async def _drive(plan: Plan) -> Outcome:
    loop = asyncio.get_running_loop()
    run = _Run(plan)
    connections = []
    for _ in range(plan.connections):
        opening = loop.create_connection(lambda: _Connection(run), "127.0.0.1", plan.port)
        connections.append((await asyncio.wait_for(opening, _CONNECT_SECONDS))[1])
    cpu = time.process_time()
    run.begin(connections)
    if plan.rate is not None:
        await run.pace(plan.rate)
    while not run.is_over() or len(run.idle) < len(connections):
        if time.perf_counter() > run.ends_at + _DRAIN_SECONDS:
            raise LoadError(f"no answer within {_DRAIN_SECONDS:.0f} s")
        await asyncio.sleep(0.005)
    run.outcome.cpu = time.process_time() - cpu
    for connection in connections:
        connection.close()
    return run.outcome


class _Run:
    """State that the connections of one run share."""

    def __init__(self, plan: Plan) -> None:
        self.outcome = Outcome()
        self.idle: deque[_Connection] = deque()
        self.ends_at = 0.0
        self._plan = plan
        self._requests = cycle(plan.requests)
        self._due: deque[float] = deque()
        self._counts_from = 0.0

    def begin(self, connections: Sequence["_Connection"]) -> None:
        now = time.perf_counter()
        self._counts_from = now + self._plan.warm_up
        self.ends_at = self._counts_from + self._plan.seconds
        for connection in connections:
            self._go_on(connection, now)

    async def pace(self, rate: float) -> None:
        """Let requests fall due, each at its time, until the end."""
        due = time.perf_counter()
        while due < self.ends_at:
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            self._due.append(due)
            if self.idle:
                self._go_on(self.idle.popleft(), due)
            due += 1 / rate

    def is_over(self) -> bool:
        return not self._due and (time.perf_counter() >= self.ends_at or self._has_enough())

    def answered(self, connection: "_Connection", started: float, status: bytes) -> None:
        now = time.perf_counter()
        self.outcome.answered += 1
        if not status.startswith(b"2"):
            self.outcome.refused[status.decode()] += 1
        elif self._counts(started, now):
            self.outcome.seconds = min(now, self.ends_at) - self._counts_from
            self.outcome.durations.append(now - started)
        self._go_on(connection, now)

    def _counts(self, started: float, now: float) -> bool:
        """Answers within the time. Of paced requests all, or the slowest would be missed."""
        if self._plan.rate is not None:
            return started >= self._counts_from
        return self._counts_from <= now < self.ends_at and not self._has_enough()

    def _has_enough(self) -> bool:
        return self._plan.most is not None and len(self.outcome.durations) >= self._plan.most

    def _go_on(self, connection: "_Connection", now: float) -> None:
        """The next request, if there is one to send."""
        if self._due:
            connection.send(next(self._requests), self._due.popleft())
        elif self._plan.rate is None and now < self.ends_at and not self._has_enough():
            connection.send(next(self._requests), now)
        else:
            self.idle.append(connection)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._received = bytearray()
        self._expected = 0
        self._started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, started: float) -> None:
        self._started = started
        self._transport.write(request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._expected:
            self._expected = _length(self._received)
        if self._expected and len(self._received) >= self._expected:
            status = bytes(self._received[9:12])
            self._received.clear()
            self._expected = 0
            self._run.answered(self, self._started, status)


def _length(received: bytearray) -> int:
    """Bytes of the whole answer, 0 while its head is not all there."""
    end = received.find(_END_OF_HEAD)
    if end < 0:
        return 0
    start = received.find(_LENGTH, 0, end)
    if start < 0:  # as a 204 has none
        return end + len(_END_OF_HEAD)
    start += len(_LENGTH)
    return end + len(_END_OF_HEAD) + int(received[start : received.index(b"\r", start)])
