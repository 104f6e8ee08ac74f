"""Questions of the same moment are answered together."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from service.metrics.query.batching import Batcher

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Answers:
    """Doubles numbers and remembers what it was asked at once; it cannot double 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.asked = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> dict[int, int]:
        self.batches.append(list(numbers))
        self.asked.set()
        await asyncio.sleep(0)
        if 13 in numbers:
            raise ValueError("13 cannot be doubled")
        return {number: 2 * number for number in numbers}


def odd_and_even(numbers: Sequence[int]) -> Iterable[list[int]]:
    for rest in (1, 0):
        if batch := [number for number in numbers if number % 2 == rest]:
            yield batch


async def test_questions_of_the_same_moment_are_one_batch() -> None:
    answers = Answers()
    batcher = Batcher(answers)
    assert await asyncio.gather(*map(batcher.load, (1, 2, 3))) == [2, 4, 6]
    assert await batcher.load(1) == 2
    assert answers.batches == [[1, 2, 3], [1]]


async def test_what_is_asked_while_a_batch_is_answered_is_the_next() -> None:
    answers = Answers()
    batcher = Batcher(answers)
    first = asyncio.create_task(batcher.load(1))
    await answers.asked.wait()
    assert await batcher.load(2) == 4
    assert await first == 2
    assert answers.batches == [[1], [2]]


async def test_what_goes_wrong_with_one_batch_is_the_trouble_of_no_other() -> None:
    batcher = Batcher(Answers(), odd_and_even)
    results = await asyncio.gather(*map(batcher.load, (1, 2, 13)), return_exceptions=True)
    no = "13 cannot be doubled"
    assert [str(result) for result in results] == [no, "4", no]


async def test_one_who_leaves_takes_no_answer_from_the_others() -> None:
    batcher = Batcher(Answers())
    gone, stays = asyncio.create_task(batcher.load(1)), asyncio.create_task(batcher.load(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 4
    assert gone.cancelled()
