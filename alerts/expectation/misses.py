"""How far values are from what was expected, and how it goes on from one to the next."""

from dataclasses import dataclass

import numpy as np

from alerts.expectation.averages import Values, known_mean, known_median
from alerts.expectation.tails import SHARES, tail_of

# Misses of so many periods in a row are judged together as well.
RUNS = (1, 2, 3)
# So much of the spread of a slot grows with the value that is expected there.
_GROWING = 0.75
# The spread is at least this share of the values: a constant says little of what is to come.
_LEAST_SPREAD = 0.012
# What all slots say of the spread of one is worth so many rows beside its own.
_SHRINK = 6.0
# A miss counts in the spread up to so many times the median of its slot.
_MOST = 6.0
# The misses of a row count this much less than those of the one after it.
_DECAY = 0.97
# Fewer misses than that say nothing of how far they reach.
_LEAST = 40
# Of a normal distribution in units of its mean distance, wider as it is not known.
_UNKNOWN = np.array((0.85, 1.61, 2.06, 2.46, 2.92, 3.44, 3.87, 4.3, 4.66, 5.34)) * 1.4
_RIDGE = 40.0


@dataclass(frozen=True, slots=True)
class Spread:
    """The mean distance of values from what is expected, by slot (`mean`), where it is `usual`."""

    mean: Values
    usual: Values
    least: float
    grows: bool

    def around(self, expected: Values) -> Values:
        """The spread by slot where that is expected; 0 where nothing was ever but 0."""
        share = _GROWING if self.grows else 0.0
        with np.errstate(invalid="ignore", divide="ignore"):
            height = np.where(self.usual > 0, np.abs(expected) / self.usual, 1.0)
        grown = self.mean * (1 - share + share * np.minimum(height, 10.0))
        spread: Values = np.maximum(grown, self.least)
        return spread


@dataclass(frozen=True, slots=True)
class Tails:
    """By run (`RUNS`) and share (`tails.SHARES`), how far the mean miss of so many periods in a
    row reaches `below` and `above`, in spreads. `momentum` is what a miss takes over of those
    before it, by the memories of the grain; `apart` how much wider misses are without that.
    """

    below: Values
    above: Values
    momentum: Values
    apart: float


def spread_of(misses: Values, expected: Values, *, grows: bool) -> Spread:
    """From rows of misses and of what had been expected."""
    off = np.abs(misses)
    usual = np.nan_to_num(known_mean(np.abs(expected), 0))
    typical = known_median(off)
    most = np.where(typical > 0, _MOST * typical, np.inf)
    weights = _DECAY ** np.arange(len(off) - 1, -1, -1.0)
    counted = np.isfinite(off) * weights[:, None]
    rows = counted.sum(axis=0)
    total = np.nansum(np.minimum(off, most) * counted, axis=0)
    mean = total / np.where(rows > 0, rows, 1.0)
    height = float(usual.mean())
    common = mean.mean() * (0.3 + 0.7 * usual / height if height > 0 else np.ones(len(mean)))
    shrunk = (rows * _around(mean) + _SHRINK * common) / (rows + _SHRINK)
    return Spread(shrunk, usual, _LEAST_SPREAD * height, grows)


def tails_of(units: Values, predicted: Values, before: Values, features: Values) -> Tails:
    """From misses in spreads (`units`), what momentum had predicted of them, the sums of the
    misses before each, and the memories; NaN where unknown.
    """
    known = np.isfinite(units)
    if known.sum() < _LEAST:
        return unknown_tails(features.shape[1])
    left = units[known] - predicted[known]
    most = 4 * float(np.quantile(np.abs(left), 0.95))
    drawn = np.clip(units[known], -most, most)
    momentum = _momentum(drawn, features[known])
    below, above = np.empty((2, len(RUNS), len(SHARES)))
    sums = np.column_stack([left, left[:, None] + before[known]])
    for number, run in enumerate(RUNS):
        means = sums[:, number] / run
        below[number], above[number] = tail_of(means), tail_of(-means)
    innovation = float(np.abs(np.clip(left, -most, most)).mean())
    apart = float(np.abs(drawn).mean()) / innovation if innovation > 0 else 1.0
    return Tails(below, above, momentum, min(max(apart, 1.0), 5.0))


def unknown_tails(features: int) -> Tails:
    """Before anything is known of misses."""
    reach = np.array([_UNKNOWN / run**0.25 for run in RUNS])
    return Tails(reach, reach, np.zeros(features), 1.0)


def _momentum(drawn: Values, features: Values) -> Values:
    """Ridge regression of misses on the memories before them."""
    gram = features.T @ features
    scale = np.trace(gram) / len(gram) / len(drawn)
    ridge = (_RIDGE * scale + 1e-9) * np.eye(len(gram))
    weights: Values = np.linalg.solve(gram + ridge, features.T @ drawn)
    return np.clip(weights, -1.0, 1.0)


def _around(slots: Values) -> Values:
    """Smoothed over the slots beside each, the last beside the first."""
    if len(slots) < 3:
        return slots
    return (np.roll(slots, 1) + 2 * slots + np.roll(slots, -1)) / 4
