"""A small cache whose equal questions, asked at the same time, are computed once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

Answer = TypeVar("Answer")

MAX_ENTRIES = 1000


class _Entry(Generic[Answer]):
    __slots__ = ("started", "task")

    def __init__(self, started: float, task: "asyncio.Task[Answer]") -> None:
        self.started = started
        self.task = task


class _Key(NamedTuple):
    subject: Hashable
    question: str


class SingleFlight(Generic[Answer]):
    """Answers are shared for `max_age` seconds from the moment their computation began,
    so nobody gets a figure older than that.
    """

    def __init__(self, *, max_age: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_age = max_age
        self._clock = clock
        self._entries: dict[_Key, _Entry[Answer]] = {}
        self._changed: dict[Hashable, float] = {}

    async def get(
        self, subject: Hashable, question: str, compute: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """The answer to `question` about `subject`; a failure is shared, but not kept."""
        now = self._clock()
        key = _Key(subject, question)
        entry = self._entries.get(key)
        if entry is None or not self._is_fresh(entry, subject, now):
            self._prune(now)
            task = asyncio.ensure_future(compute())
            entry = self._entries[key] = _Entry(now, task)
            task.add_done_callback(lambda done: self._drop_failure(key, done))
        return await asyncio.shield(entry.task)

    def forget(self, subject: Hashable) -> None:
        """What began before now is no answer any more."""
        self._changed[subject] = self._clock()

    def _is_fresh(self, entry: _Entry[Answer], subject: Hashable, now: float) -> bool:
        changed = self._changed.get(subject)
        young = now - entry.started < self._max_age
        return young and (changed is None or entry.started > changed)

    def _drop_failure(self, key: _Key, task: "asyncio.Task[Answer]") -> None:
        entry = self._entries.get(key)
        if entry and entry.task is task and (task.cancelled() or task.exception()):
            del self._entries[key]

    def _prune(self, now: float) -> None:
        """Now and then, so that what nobody asks again does not stay."""
        if len(self._entries) < MAX_ENTRIES and len(self._changed) < MAX_ENTRIES:
            return
        oldest = now - self._max_age
        self._entries = {k: e for k, e in self._entries.items() if e.started > oldest}
        self._changed = {s: at for s, at in self._changed.items() if at > oldest}
