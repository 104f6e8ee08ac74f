"""Thresholds that would have kept to a budget."""

import pytest

from alerts.thresholds import threshold_within

pytestmark = pytest.mark.one_engine

HUNDRED = [float(number) for number in range(101, 201)]


@pytest.mark.parametrize(
    ("below", "most", "threshold"),
    [(True, 4, 100.0), (True, 100, 110.0), (False, 4, 200.0), (False, 100, 190.0)],
)
def test_the_threshold_is_the_nearest_in_two_digits_that_keeps_to_the_budget(
    below: bool, most: int, threshold: float
) -> None:
    def opened(bound: float) -> int:
        return sum(one < bound if below else one > bound for one in HUNDRED)

    assert threshold_within(HUNDRED, below=below, most=most, opened=opened) == threshold


@pytest.mark.parametrize("values", [[], [5.0], [0.0, 0.0, 0.0]])
def test_no_threshold_says_anything_of_what_never_changes_or_is_nothing(
    values: list[float],
) -> None:
    assert threshold_within(values, below=True, most=2, opened=lambda _: 0) is None


def test_negative_values_are_rounded_away_from_what_is_usual() -> None:
    values = [-41.7, *map(float, range(-30, 30))]
    found = threshold_within(values, below=True, most=1, opened=lambda bound: 2 * (bound > -41))
    assert found == -42.0
