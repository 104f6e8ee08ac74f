"""Equal questions at the same time are computed once, and never answered with old news."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.metrics.query.single_flight import MAX_ENTRIES, SingleFlight

SUBJECT = ("default", "revenue_hourly")


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Counts how often it is read; an answer waits until `release`."""

    def __init__(self, *, held: bool = False) -> None:
        self.reads = 0
        self._open = asyncio.Event()
        if not held:
            self._open.set()

    def release(self) -> None:
        self._open.set()

    async def read(self) -> int:
        self.reads += 1
        number = self.reads
        await self._open.wait()
        return number


def scenario(
    steps: Callable[[SingleFlight[int], Clock], Awaitable[None]],
) -> None:
    """Run `steps` on a cache of one second."""
    clock = Clock()

    async def run() -> None:
        await steps(SingleFlight[int](max_age=1.0, clock=clock), clock)

    asyncio.run(run())


def test_equal_questions_asked_together_are_computed_once() -> None:
    async def steps(flight: SingleFlight[int], _: Clock) -> None:
        source = Source(held=True)
        asked = [asyncio.ensure_future(flight.get(SUBJECT, "q", source.read)) for _ in range(20)]
        await asyncio.sleep(0)
        source.release()
        assert await asyncio.gather(*asked) == [1] * 20

    scenario(steps)


def test_other_questions_and_other_subjects_are_computed_apart() -> None:
    async def steps(flight: SingleFlight[int], _: Clock) -> None:
        source = Source()
        assert await flight.get(SUBJECT, "q", source.read) == 1
        assert await flight.get(SUBJECT, "other", source.read) == 2
        assert await flight.get(("other", "revenue_hourly"), "q", source.read) == 3

    scenario(steps)


def test_an_answer_is_shared_for_a_second_from_when_it_was_begun() -> None:
    async def steps(flight: SingleFlight[int], clock: Clock) -> None:
        source = Source(held=True)
        slow = asyncio.ensure_future(flight.get(SUBJECT, "q", source.read))
        await asyncio.sleep(0)
        clock.now += 0.9
        source.release()
        assert await slow == 1
        assert await flight.get(SUBJECT, "q", source.read) == 1
        clock.now += 0.2
        assert await flight.get(SUBJECT, "q", source.read) == 2

    scenario(steps)


def test_what_is_forgotten_is_computed_again_at_once() -> None:
    async def steps(flight: SingleFlight[int], _: Clock) -> None:
        source = Source()
        assert await flight.get(SUBJECT, "q", source.read) == 1
        flight.forget(SUBJECT)
        assert await flight.get(SUBJECT, "q", source.read) == 2

    scenario(steps)


def test_what_was_begun_before_a_change_is_no_answer_after_it() -> None:
    async def steps(flight: SingleFlight[int], clock: Clock) -> None:
        source = Source(held=True)
        before = asyncio.ensure_future(flight.get(SUBJECT, "q", source.read))
        await asyncio.sleep(0)
        clock.now += 0.1
        flight.forget(SUBJECT)
        clock.now += 0.1
        after = asyncio.ensure_future(flight.get(SUBJECT, "q", source.read))
        await asyncio.sleep(0)
        source.release()
        assert (await before, await after) == (1, 2)
        assert await flight.get(SUBJECT, "q", source.read) == 2

    scenario(steps)


def test_a_change_of_one_subject_leaves_the_answers_about_others() -> None:
    async def steps(flight: SingleFlight[int], _: Clock) -> None:
        source = Source()
        assert await flight.get(SUBJECT, "q", source.read) == 1
        flight.forget(("default", "another"))
        assert await flight.get(SUBJECT, "q", source.read) == 1

    scenario(steps)


def test_a_failure_is_shared_by_those_who_wait_and_not_kept() -> None:
    async def steps(flight: SingleFlight[int], _: Clock) -> None:
        started = asyncio.Event()

        async def fail() -> int:
            started.set()
            await asyncio.sleep(0)
            raise LookupError("away")

        asked = [asyncio.ensure_future(flight.get(SUBJECT, "q", fail)) for _ in range(3)]
        failures = await asyncio.gather(*asked, return_exceptions=True)
        assert started.is_set()
        assert [str(failure) for failure in failures] == ["away"] * 3
        assert await flight.get(SUBJECT, "q", Source().read) == 1

    scenario(steps)


def test_one_who_leaves_takes_the_answer_from_nobody() -> None:
    async def steps(flight: SingleFlight[int], _: Clock) -> None:
        source = Source(held=True)
        leaving = asyncio.ensure_future(flight.get(SUBJECT, "q", source.read))
        staying = asyncio.ensure_future(flight.get(SUBJECT, "q", source.read))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        source.release()
        assert await staying == 1

    scenario(steps)


def test_what_nobody_waits_for_any_more_is_not_computed_on() -> None:
    async def steps(flight: SingleFlight[int], _: Clock) -> None:
        ended = asyncio.Event()

        async def compute() -> int:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return 1

        leaving = [asyncio.ensure_future(flight.get(SUBJECT, "q", compute)) for _ in range(2)]
        await asyncio.sleep(0)
        leaving[0].cancel()
        await asyncio.sleep(0)
        assert not ended.is_set()
        leaving[1].cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await asyncio.wait_for(ended.wait(), 5)
        assert await flight.get(SUBJECT, "q", Source().read) == 1

    scenario(steps)


def test_very_many_questions_change_no_answer() -> None:
    async def steps(flight: SingleFlight[int], clock: Clock) -> None:
        source = Source()
        for number in range(2 * MAX_ENTRIES + 10):
            question = f"q{number}"
            first = await flight.get(SUBJECT, question, source.read)
            assert first == number + 1
            assert await flight.get(SUBJECT, question, source.read) == first
            clock.now += 0.01
        clock.now -= 0.01
        assert await flight.get(SUBJECT, "q0", source.read) == 2 * MAX_ENTRIES + 11

    scenario(steps)


Step = tuple[Literal["pass", "change", "ask"], int]
STEPS = st.lists(
    st.tuples(st.sampled_from(("pass", "change", "ask", "ask")), st.integers(0, 2)),
    min_size=10,
    max_size=60,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(STEPS)
def test_no_answer_is_older_than_a_second_or_than_the_last_change(steps: list[Step]) -> None:
    async def run(flight: SingleFlight[int], clock: Clock) -> None:
        changes = [0, 0, 0]
        moments: dict[int, float] = {}

        async def look(subject: int) -> int:
            reading = len(moments)
            moments[reading] = clock.now
            seen[reading] = changes[subject]
            return reading

        seen: dict[int, int] = {}
        for what, subject in steps:
            if what == "pass":
                clock.now += 0.3 * subject
            elif what == "change":
                changes[subject] += 1
                flight.forget(subject)
            else:
                reading = await flight.get(subject, "q", partial(look, subject))
                assert seen[reading] == changes[subject]
                assert clock.now - moments[reading] < 1.0

    scenario(run)


def test_what_is_finished_for_those_who_come_later_does_not_end_with_who_asked() -> None:
    async def steps() -> None:
        flight: SingleFlight[int] = SingleFlight(max_age=60, finished=True)
        going_on = asyncio.Event()

        async def compute() -> int:
            await going_on.wait()
            return 1

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await flight.get("metric", "query", compute)
        going_on.set()

        async def again() -> int:
            raise AssertionError("it was computed")

        assert await flight.get("metric", "query", again) == 1

    asyncio.run(steps())
