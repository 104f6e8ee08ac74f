"""Averages and spreads that a few wild values do not move. Unknown values are NaN."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# Values further than so many typical distances from the median count as if they were there.
_REACH = 2.5
# The mean distance from the median, of values that are distributed normally, is this much less
# than their standard deviation is.
_TO_DEVIATION = 1.4826


def weighted_median(values: Values, weights: Values) -> Values:
    """Along the first axis, by the weight of each row; NaN where nothing is known."""
    flat = values.reshape(len(values), -1)
    order = flat.argsort(axis=0)
    columns = np.arange(flat.shape[1])
    ranked = flat[order, columns]
    below = np.where(np.isnan(ranked), 0.0, weights[order]).cumsum(axis=0)
    half = below[-1] / 2
    lower = ranked[(below >= half).argmax(axis=0), columns]
    upper = ranked[(below > half * (1 + 1e-12)).argmax(axis=0), columns]
    middle: Values = np.where(half > 0, (lower + upper) / 2, np.nan)
    return middle.reshape(values.shape[1:])


def robust_mean(values: Values, weights: Values, spread: Values | None = None) -> Values:
    """The weighted mean along the first axis, wild values drawn to what is `spread` around the
    median (by default their own median distance from it).
    """
    middle = weighted_median(values, weights)
    if spread is None:
        spread = weighted_median(np.abs(values - middle), weights)
    reach = _REACH * _TO_DEVIATION * spread
    drawn = np.minimum(np.maximum(values, middle - reach), middle + reach)
    known = np.where(np.isnan(values), 0.0, weights.reshape((-1,) + (1,) * (values.ndim - 1)))
    total = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Values = np.where(
            total > 0, (known * np.nan_to_num(drawn)).sum(axis=0) / total, np.nan
        )
    return mean


def known_mean(values: Values, axis: int | tuple[int, ...]) -> Values:
    """The mean of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    mean: Values = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def known_median(values: Values) -> Values:
    """The median of what is known along the first axis; NaN where nothing is."""
    return weighted_median(values, np.ones(len(values)))
