"""What was expected of periods, each as known before it began, and how unusual values are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.expectation.averages import Values
from alerts.expectation.misses import RUNS, Tails
from alerts.expectation.tails import rarity, reach

# Beside what came before it, a period is only unusual if one in so many is so by itself.
_BY_ITSELF = 0.25


@dataclass(frozen=True, slots=True)
class Expected:
    """By period: the value that was `expected` (NaN where nothing was), the `spread` of values
    around it, the sums of the one and two misses `before` it in spreads, and which of `tails` is
    in force. `floor` is the least that a value is taken to be able to be.
    """

    expected: Values
    spread: Values
    before: Values
    which: NDArray[np.int_]
    tails: Sequence[Tails]
    floor: Values

    def band(self, level: float) -> tuple[Values, Values]:
        """The lower and upper ends of what covers the share `level` of values."""
        share = (1 - level) / 2
        below = self._by_tails(lambda tails: reach(tails.below[0], share))
        above = self._by_tails(lambda tails: reach(tails.above[0], share))
        return self._bounded(-below), self._bounded(above)

    def edges(self, rare: float) -> tuple[Values, Values]:
        """The values below and above which a period is as rare as one in ten to that power, by
        itself or with those before it. NaN where nothing is known of how far values reach.
        """
        share = 10.0**-rare
        below = self._bounded(-self._edge(lambda tails: tails.below, share, -1.0))
        above = self._bounded(self._edge(lambda tails: tails.above, share, 1.0))
        is_known = self.spread > 0
        return np.where(is_known, below, np.nan), np.where(is_known, above, np.nan)

    def rarity(self, values: Values) -> Values:
        """How rare values are: one in ten to that power; negative where they are below what was
        expected. NaN where nothing is known.
        """
        found = np.full(len(values), np.nan)
        for number, value in enumerate(values.tolist()):
            if np.isfinite(value) and self.spread[number] > 0:
                found[number] = self._rarity(number, value)
        return found

    def _rarity(self, number: int, value: float) -> float:
        miss = (value - self.expected[number]) / self.spread[number]
        tails = self.tails[self.which[number]]
        side = tails.below if miss < 0 else tails.above
        sign = -1.0 if miss < 0 else 1.0
        if abs(miss) <= reach(side[0], _BY_ITSELF):
            return sign * rarity(side[0], abs(miss))
        sums = (miss, *(miss + self.before[number]))
        means = [sign * total / run for total, run in zip(sums, RUNS, strict=True)]
        return sign * max(rarity(tail, mean) for tail, mean in zip(side, means, strict=True))

    def _edge(self, side: Callable[[Tails], Values], share: float, sign: float) -> Values:
        """How far away an edge is, in spreads."""
        alone = self._by_tails(lambda tails: reach(side(tails)[0], share))
        least = self._by_tails(lambda tails: reach(side(tails)[0], _BY_ITSELF))
        for number, run in enumerate(RUNS[1:], start=1):
            far = self._by_tails(lambda tails, n=number: reach(side(tails)[n], share))  # type: ignore[misc]
            alone = np.minimum(alone, run * far - sign * self.before[:, number - 1])
        return np.maximum(alone, least)

    def _by_tails(self, of: Callable[[Tails], float]) -> Values:
        each = np.array([of(tails) for tails in self.tails])
        return each[self.which] if len(each) else np.full(len(self.which), np.nan)

    def _bounded(self, reached: Values) -> Values:
        return np.maximum(self.expected + self.spread * reached, self.floor)
