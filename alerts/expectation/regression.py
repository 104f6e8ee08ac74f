"""Ridge regression of a series on its own past, and rolling it forward."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# A value counts this much less than the one after it: the newest weeks weigh most.
_DECAY = 0.999


@dataclass(frozen=True, slots=True)
class Regression:
    """Weights of the values at `lags` before, relative to the level of the last `level` ones."""

    lags: NDArray[np.int_]
    weights: Values
    level: int

    def rolled(self, series: Values, origins: Sequence[int], horizon: int) -> Values:
        """The `horizon` values that follow each origin (a number of known values), by origin,
        each made of those before it.
        """
        longest = int(self.lags.max())
        levels = np.array([series[max(0, o - self.level) : o].mean() for o in origins])
        rolled = np.zeros((len(origins), longest + horizon))
        for row, origin in enumerate(origins):
            rolled[row, :longest] = series[origin - longest : origin] - levels[row]
        for step in range(longest, longest + horizon):
            rolled[:, step] = rolled[:, step - self.lags] @ self.weights
        ahead: Values = rolled[:, longest:] + levels[:, None]
        return ahead


def has_room(known: int, lags: Sequence[int]) -> bool:
    """Whether so many values are enough to regress on these lags."""
    return known - max(lags) >= max(3 * len(lags), 8)


def fitted(
    series: Values, lags: Sequence[int], penalties: Sequence[float], level: int
) -> list[Regression]:
    """For each penalty (relative to the spread) the weights that fit the series best."""
    positions = np.array(lags)
    longest = int(positions.max())
    centred = series - series[-level:].mean()
    times = np.arange(longest, len(series))
    past, value = centred[times[:, None] - positions], centred[times]
    weighted = past * (_DECAY ** np.arange(len(times) - 1, -1, -1.0))[:, None]
    gram, moment = weighted.T @ past, weighted.T @ value
    ridge = np.trace(gram) / len(gram) * np.eye(len(gram))
    # Something remains where the series is constant.
    least = 1e-12 * np.eye(len(gram))
    return [
        Regression(positions, np.linalg.solve(gram + penalty * ridge + least, moment), level)
        for penalty in penalties
    ]
