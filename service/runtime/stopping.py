"""How a process that serves stops: it says that it is not ready, finishes what is under way
and loses no request that is on its way to it.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import structlog

# The supervisor of several workers tells them with it that the whole service will stop.
WITHDRAW = signal.SIGUSR1
END_SECONDS = 10.0

_log = structlog.get_logger()


async def end_tasks(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they are over, within limits: a database that hangs must
    not keep this process.
    """
    for task in tasks:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=END_SECONDS)
    if late:
        _log.warning("tasks_do_not_end", tasks=[str(task.get_coro()) for task in late])


class Stopping:
    """The progress of this process towards its end. `withdrawn`: load balancers shall send nothing
    more. `last_answers`: each connection is closed after its next answer, which says so.
    `ending`: uvicorn waits for what is under way, so that answers without an end end.
    """

    def __init__(self) -> None:
        self.withdrawn = False
        self.last_answers = False
        self.ending = asyncio.Event()

    def withdraw(self) -> None:
        """Not ready any more; requests are still served."""
        if not self.withdrawn:
            # Not from here: a signal may come in the middle of another line, whose lock this one
            # would wait for without end.
            asyncio.get_running_loop().call_soon_threadsafe(_log.info, "draining")
        self.withdrawn = self.last_answers = True

    @contextmanager
    def on_signals(self, drain_seconds: float) -> Iterator[None]:
        """Notice the signals that stop this process before uvicorn, whose handlers are in
        place by now, does. SIGTERM to a process that serves alone is handed on after
        `drain_seconds`, a second one at once. Workers are signalled by their supervisor.
        """
        loop = asyncio.get_running_loop()
        is_worker = multiprocessing.parent_process() is not None

        def stop_soon(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGINT or is_worker or self.withdrawn or not drain_seconds:
                self.last_answers = True
                hand_on(number, frame)
                return
            self.withdraw()
            loop.call_soon_threadsafe(loop.call_later, drain_seconds, hand_on, number, frame)

        def hand_on(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.ending.set)
            previous[number](number, frame)

        previous: dict[int, Any] = {
            number: signal.signal(number, stop_soon) for number in (signal.SIGINT, signal.SIGTERM)
        }
        signal.signal(WITHDRAW, lambda *_: self.withdraw())
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
