"""Batching: what is asked for in the same moment is read together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

Query = TypeVar("Query")
Result = TypeVar("Result")


class Batcher(Generic[Query, Result]):
    """Collects the queries of one turn of the event loop, has them split into batches by `split`
    (by default one) and reads each batch at once.

    A data loader, with as few turns of the loop as can be: most queries are alone, and should
    not take longer for it. Queries are distinguished by identity: each is an object of its own.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Query]], Awaitable[Mapping[Query, Result]]],
        split: Callable[[Sequence[Query]], Iterable[Sequence[Query]]] = lambda all_: [all_],
    ) -> None:
        self._read = read
        self._split = split
        self._waiting: dict[Query, asyncio.Future[Result]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self, query: Query) -> Result:
        """The result; an error of a batch is raised to all who are in it."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        assert query not in self._waiting
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting[query] = future
        return await future

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for batch in self._split(list(waiting)):
            task = asyncio.create_task(self._fulfil({one: waiting[one] for one in batch}))
            # The loop itself holds on to no task.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fulfil(self, batch: Mapping[Query, asyncio.Future[Result]]) -> None:
        try:
            results = await self._read(list(batch))
        except Exception as error:
            for future in batch.values():
                if not future.done():
                    future.set_exception(error)
            return
        for query, future in batch.items():
            # Whoever asked may be gone.
            if not future.done():
                future.set_result(results[query])
