"""Quantiles of histograms."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.otlp.histograms import Buckets, Exports

BOUNDS = [10.0, 20.0, 40.0]


@pytest.mark.parametrize(
    ("counts", "rank", "expected"),
    [
        ([10, 0, 0, 0], 0.5, 5.0),
        ([0, 10, 0, 0], 0.5, 15.0),
        ([10, 10, 10, 0], 0.5, 15.0),
        ([10, 10, 10, 0], 0.9, 34.0),
        # Above the last bound nobody knows how far.
        ([0, 0, 0, 5], 0.5, 40.0),
        ([0, 0, 0, 0], 0.5, None),
    ],
)
def test_quantiles(counts: list[int], rank: float, expected: float | None) -> None:
    assert Buckets(BOUNDS, counts).quantile(rank) == pytest.approx(expected)


def test_a_histogram_without_bounds_has_no_quantiles() -> None:
    assert Buckets([], [5]).quantile(0.5) is None


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4))
def test_quantiles_rise_with_their_ranks(counts: list[int]) -> None:
    found = [Buckets(BOUNDS, counts).quantile(rank / 20) for rank in range(1, 20)]
    for before, after in pairwise(found):
        assert (before is None and after is None) or (before or 0) <= (after or 0)


def test_what_came_since_the_export_before() -> None:
    exports = Exports()
    assert exports.news("a", 1, Buckets(BOUNDS, [5, 0, 0, 0])) is None
    news = exports.news("a", 2, Buckets(BOUNDS, [5, 3, 0, 0]))
    assert news == Buckets(BOUNDS, [0, 3, 0, 0])
    # Sent again.
    assert exports.news("a", 2, Buckets(BOUNDS, [5, 3, 0, 0])) is None
    # It began anew, or has other bounds now.
    assert exports.news("a", 3, Buckets(BOUNDS, [1, 0, 0, 0])) == Buckets(BOUNDS, [1, 0, 0, 0])
    assert exports.news("a", 4, Buckets([1.0], [1, 1])) == Buckets([1.0], [1, 1])
    assert exports.news("b", 4, Buckets([1.0], [1, 1])) is None
