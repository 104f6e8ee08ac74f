"""A small cache whose equal queries, made at the same time, are computed once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import cache
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import Counter

Result = TypeVar("Result")

MAX_ENTRIES = 1000
QUERIES = Counter(
    "fature_cached_questions_total", "Queries, and whether an earlier result did.", ["outcome"]
)


@cache
def _queries(outcome: str) -> Counter:
    """Looking it up by its label costs more than counting."""
    return QUERIES.labels(outcome)


class _Entry(Generic[Result]):
    __slots__ = ("started", "task", "waiting")

    def __init__(self, started: float, task: "asyncio.Task[Result]") -> None:
        self.started = started
        self.task = task
        self.waiting = 0


class _Key(NamedTuple):
    subject: Hashable
    query: str


class SingleFlight(Generic[Result]):
    """Results are shared for `max_age` seconds from the moment their computation began,
    so no caller gets a result older than that. A computation ends once no caller waits for it any
    more, unless they are `finished` for those who come later.
    """

    def __init__(
        self,
        *,
        max_age: float,
        finished: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_age = max_age
        self._finished = finished
        self._clock = clock
        # Both in the order of their times.
        self._entries: OrderedDict[_Key, _Entry[Result]] = OrderedDict()
        self._changed: OrderedDict[Hashable, float] = OrderedDict()

    async def get(
        self, subject: Hashable, query: str, compute: Callable[[], Awaitable[Result]]
    ) -> Result:
        """The result of `query` about `subject`; a failure is shared, but not kept."""
        now = self._clock()
        key = _Key(subject, query)
        entry = self._entries.get(key)
        if entry is None or not self._is_fresh(entry, subject, now):
            self._drop_old(now)
            task = asyncio.ensure_future(compute())
            entry = self._entries[key] = _Entry(now, task)
            self._entries.move_to_end(key)
            task.add_done_callback(lambda done: self._drop_failure(key, done))
            _queries("computed").inc()
        else:
            _queries("shared").inc()
        entry.waiting += 1
        try:
            return await asyncio.shield(entry.task)
        finally:
            entry.waiting -= 1
            if not (entry.waiting or entry.task.done() or self._finished):
                self._give_up(key, entry)

    def forget(self, subject: Hashable) -> None:
        """Drop what began before now."""
        now = self._changed[subject] = self._clock()
        self._changed.move_to_end(subject)
        self._drop_old(now)

    def _give_up(self, key: _Key, entry: _Entry[Result]) -> None:
        """Cancel a computation that no caller waits for any more."""
        entry.task.cancel()
        if self._entries.get(key) is entry:
            del self._entries[key]

    def _is_fresh(self, entry: _Entry[Result], subject: Hashable, now: float) -> bool:
        changed = self._changed.get(subject)
        young = now - entry.started < self._max_age
        return young and (changed is None or entry.started > changed)

    def _drop_failure(self, key: _Key, task: "asyncio.Task[Result]") -> None:
        entry = self._entries.get(key)
        if entry and entry.task is task and (task.cancelled() or task.exception()):
            del self._entries[key]

    def _drop_old(self, now: float) -> None:
        """At once, as a result can take a megabyte; and the oldest of very many."""
        oldest = now - self._max_age
        while self._entries and (
            len(self._entries) >= MAX_ENTRIES
            or next(iter(self._entries.values())).started <= oldest
        ):
            self._entries.popitem(last=False)
        while self._changed and next(iter(self._changed.values())) <= oldest:
            self._changed.popitem(last=False)
