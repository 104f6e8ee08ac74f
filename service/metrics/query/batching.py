"""Batching: what is asked in the same moment is answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batcher(Generic[Question, Answer]):
    """Collects the questions of one turn of the event loop, has them split into batches by
    `split` (by default one) and has each batch answered at once.

    A data loader, with as few turns of the loop as can be: most questions are alone, and should
    not take longer for it. Questions are told apart by identity: each is an object of its own.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Awaitable[Mapping[Question, Answer]]],
        split: Callable[[Sequence[Question]], Iterable[Sequence[Question]]] = lambda all_: [all_],
    ) -> None:
        self._answer = answer
        self._split = split
        self._waiting: dict[Question, asyncio.Future[Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        """The answer; what goes wrong with a batch is raised to all who asked for it."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        assert question not in self._waiting
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting[question] = future
        return await future

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for batch in self._split(list(waiting)):
            task = asyncio.create_task(self._fulfil({one: waiting[one] for one in batch}))
            # The loop itself holds on to no task.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fulfil(self, batch: Mapping[Question, asyncio.Future[Answer]]) -> None:
        try:
            answers = await self._answer(list(batch))
        except Exception as error:
            for future in batch.values():
                if not future.done():
                    future.set_exception(error)
            return
        for question, future in batch.items():
            # Whoever asked may be gone.
            if not future.done():
                future.set_result(answers[question])
