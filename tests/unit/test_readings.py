"""Which readings of foreign series count, and how much."""

import random as randomness
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.metrics.ingest.readings import FRESH, Progress, Reading, by_source, settle
from service.metrics.ingest.sample import Origin

SECOND = 1_000_000
Point = tuple[int, float]


def readings(points: Sequence[Point], origin: Origin) -> list[Reading]:
    return [
        Reading(origin, "real_time", 1, ts, n, value, None) for n, (ts, value) in enumerate(points)
    ]


def counted(flushes: Sequence[Sequence[Point]], *, cumulative: bool) -> list[Point]:
    """Instants and values that are stored of what came in those flushes; doubtful ones where
    nothing is stored at their instant yet.
    """
    origin = Origin("a" * 32, cumulative)
    known: dict[str, Progress] = {}
    stored: list[Point] = []
    for flush in flushes:
        settled = settle(by_source(readings(flush, origin)), known)
        known |= settled.progress
        stored += [(one.ts, value) for one, value in settled.counted]
        instants = {ts for ts, _ in stored}
        stored += [(one.ts, one.value) for one in settled.doubtful if one.ts not in instants]
    return stored


def increase(values: Sequence[float]) -> float:
    """Prometheus' increase() of all samples in a range, before it extrapolates to the edges."""
    risen = values[-1] - values[0]
    for before, after in pairwise(values):
        risen += before if after < before else 0
    return risen


@st.composite
def sent(draw: st.DrawFn) -> tuple[list[Point], list[list[Point]]]:
    """Samples of one series in their order, and the flushes in which they come: each in order at
    first, then with batches sent again.
    """
    values = draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=30))
    points = [(15 * SECOND * place, float(value)) for place, value in enumerate(values)]
    flushes: list[list[Point]] = []
    begin = 0
    while begin < len(points):
        end = begin + draw(st.integers(1, 8))
        # What was not acknowledged is sent again, with more or alone.
        again = draw(st.integers(0, begin))
        flushes.append(draw(st.sampled_from([points[begin:end], points[again:end]])))
        if draw(st.booleans()):
            flushes.append(points[again:begin])
        begin = end
    return points, [flush for flush in flushes if flush]


@given(sent())
def test_a_counter_rises_as_prometheus_says(case: tuple[list[Point], list[list[Point]]]) -> None:
    points, flushes = case
    rises = counted(flushes, cumulative=True)
    assert sum(value for _, value in rises) == increase([value for _, value in points])
    # In every range whose edges are samples.
    for first in range(len(points)):
        within = [value for ts, value in rises if points[first][0] < ts]
        assert sum(within) == increase([value for _, value in points[first:]])


@given(sent(), st.randoms(use_true_random=False))
def test_each_instant_of_values_counts_once_in_any_order(
    case: tuple[list[Point], list[list[Point]]], random: randomness.Random
) -> None:
    points, flushes = case
    random.shuffle(flushes)
    for flush in flushes:
        random.shuffle(flush)
    assert sorted(counted(flushes, cumulative=False)) == points


@pytest.mark.parametrize(
    ("points", "rises"),
    [
        # The first value is where it starts.
        ([(1, 100.0)], []),
        ([(1, 100.0), (2, 130.0)], [30.0]),
        # It began anew.
        ([(1, 100.0), (2, 7.0)], [7.0]),
        ([(1, 100.0), (2, 0.0), (3, 5.0)], [5.0]),
        # Nothing is stored where it does not rise.
        ([(1, 100.0), (2, 100.0)], []),
        # To the digit that people read.
        ([(1, 150.1), (2, 300.0)], [149.9]),
        ([(1, 0.1), (2, 0.4)], [0.3]),
        ([(1, 1e300), (2, 1.5e300)], [5e299]),
        ([(1, 9007199254740991.0), (2, 9007199254740993.0)], [1.0]),
    ],
)
def test_rises_of_a_counter(points: list[Point], rises: list[float]) -> None:
    assert [value for _, value in counted([points], cumulative=True)] == rises


def test_a_reading_that_comes_late_is_in_a_rise_that_was_counted() -> None:
    flushes: list[list[Point]] = [[(1, 10.0)], [(3, 30.0)], [(2, 20.0)], [(4, 45.0)]]
    assert counted(flushes, cumulative=True) == [(3, 20.0), (4, 15.0)]


def lives(*points: tuple[int, float, int | None]) -> list[float]:
    """The rises of a counter that says when it began: instants, values and beginnings."""
    known: dict[str, Progress] = {}
    found = []
    for number, (ts, value, started) in enumerate(points):
        origin = Origin("a" * 32, cumulative=True, started=started)
        reading = Reading(origin, "real_time", 1, ts, number, value, None)
        settled = settle(by_source([reading]), known)
        known |= settled.progress
        found += [rise for _, rise in settled.counted]
    return found


def test_a_counter_that_began_lately_counts_from_zero() -> None:
    assert lives((5 * SECOND, 3.0, 0)) == [3.0]
    assert lives((FRESH, 3.0, 0)) == [3.0]
    assert lives((FRESH + 1, 3.0, 0)) == []
    # One that claims to begin after it was read.
    assert lives((5 * SECOND, 3.0, 6 * SECOND)) == []


def test_a_counter_that_says_it_began_anew_counts_whole_even_where_it_is_higher() -> None:
    assert lives((10, 3.0, 0), (20, 5.0, 0), (40, 9.0, 30)) == [3.0, 2.0, 9.0]


def test_what_comes_late_from_before_a_counter_began_anew_is_left_out() -> None:
    assert lives((10, 3.0, 0), (40, 9.0, 30), (50, 5.0, 0), (60, 10.0, 30)) == [3.0, 9.0, 1.0]


def test_of_one_instant_in_one_flush_the_first_counts() -> None:
    assert counted([[(1, 5.0), (1, 6.0), (2, 7.0)]], cumulative=False) == [(1, 5.0), (2, 7.0)]


def test_a_source_that_was_never_counted_is_doubtful() -> None:
    settled = settle(by_source(readings([(1, 5.0)], Origin("a" * 32))), {})
    assert [one.value for one in settled.doubtful] == [5.0]
    assert not settled.counted
