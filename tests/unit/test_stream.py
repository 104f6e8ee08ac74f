"""Unusual values by the minute, and the benchmark's rule that they are scored by."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from alerts.expectation.stream import slots_of, stream_of
from bench.anomalies import normalised, score

pytestmark = pytest.mark.one_engine

TIMES = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * number) for number in range(1000)]
WINDOW = (TIMES[600], TIMES[699])


def quiet(count: int) -> list[float]:
    return [float(one) for one in np.random.default_rng(3).normal(50, 1, count)]


def test_a_leap_is_one_event_where_it_begins() -> None:
    values = quiet(1000)
    values[700:720] = [90.0] * 20
    events = stream_of(values, [0] * 1000).events()
    assert [one for one in events if 690 <= one < 800] == [700]


def test_what_comes_later_changes_nothing() -> None:
    values, later = quiet(1000), quiet(1000)
    later[600:] = [one * 9 for one in later[600:]]
    slots = [number % 288 for number in range(1000)]
    one, other = stream_of(values, slots), stream_of(later, slots)
    assert np.array_equal(one.rarity[:600], other.rarity[:600])
    assert np.array_equal(one.expected[:601], other.expected[:601])


@pytest.mark.parametrize("values", [[], [5.0], [0.0] * 500, [7.0] * 500])
def test_little_and_nothing_are_not_unusual(values: list[float]) -> None:
    assert stream_of(values, [0] * len(values)).events() == []
    assert slots_of([0.0] * len(values)) == [0] * len(values)


def test_the_rule_of_the_benchmark() -> None:
    nothing = score(TIMES, [WINDOW], [])
    first = score(TIMES, [WINDOW], [600])
    late = score(TIMES, [WINDOW], [690])
    false = score(TIMES, [WINDOW], [300, 600])
    assert normalised([nothing]) == 0
    assert normalised([first]) == pytest.approx(100)
    assert 50 < normalised([late]) < normalised([first])
    assert false.points == pytest.approx(first.points - 0.11)
    # What comes in the first part of a series is not scored.
    assert score(TIMES, [WINDOW], [100, 600]).points == first.points
