"""A small cache whose equal questions, asked at the same time, are computed once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import cache
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import Counter

Answer = TypeVar("Answer")

MAX_ENTRIES = 1000
QUESTIONS = Counter(
    "fature_cached_questions_total", "Questions, and whether an earlier answer did.", ["outcome"]
)


@cache
def _questions(outcome: str) -> Counter:
    """Looking it up by its label costs more than counting."""
    return QUESTIONS.labels(outcome)


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
        # Both in the order of their times.
        self._entries: OrderedDict[_Key, _Entry[Answer]] = OrderedDict()
        self._changed: OrderedDict[Hashable, float] = OrderedDict()

    async def get(
        self, subject: Hashable, question: str, compute: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """The answer to `question` about `subject`; a failure is shared, but not kept."""
        now = self._clock()
        key = _Key(subject, question)
        entry = self._entries.get(key)
        if entry is None or not self._is_fresh(entry, subject, now):
            self._drop_old(now)
            task = asyncio.ensure_future(compute())
            entry = self._entries[key] = _Entry(now, task)
            self._entries.move_to_end(key)
            task.add_done_callback(lambda done: self._drop_failure(key, done))
            _questions("computed").inc()
        else:
            _questions("shared").inc()
        return await asyncio.shield(entry.task)

    def forget(self, subject: Hashable) -> None:
        """What began before now is no answer any more."""
        now = self._changed[subject] = self._clock()
        self._changed.move_to_end(subject)
        self._drop_old(now)

    def _is_fresh(self, entry: _Entry[Answer], subject: Hashable, now: float) -> bool:
        changed = self._changed.get(subject)
        young = now - entry.started < self._max_age
        return young and (changed is None or entry.started > changed)

    def _drop_failure(self, key: _Key, task: "asyncio.Task[Answer]") -> None:
        entry = self._entries.get(key)
        if entry and entry.task is task and (task.cancelled() or task.exception()):
            del self._entries[key]

    def _drop_old(self, now: float) -> None:
        """At once, as an answer can take a megabyte; and the oldest of very many."""
        oldest = now - self._max_age
        while self._entries and (
            len(self._entries) >= MAX_ENTRIES
            or next(iter(self._entries.values())).started <= oldest
        ):
            self._entries.popitem(last=False)
        while self._changed and next(iter(self._changed.values())) <= oldest:
            self._changed.popitem(last=False)
