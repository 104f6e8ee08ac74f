"""Forecasts: the ways that did best at earlier origins, combined, with a band of their misses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.expectation.candidates import Candidate, candidates
from alerts.expectation.regression import Values
from alerts.expectation.seasons import SEASONS, Seasons
from sql.calendar import LongPeriod

_FOLDS = 10
_LEAST_FOLDS = 3
_COMBINED = 6
# Each earlier origin counts this much less than the one after it.
_RECENCY = 0.85
# Misses at a step are pooled with those of so many steps around it.
_AROUND = 6
_KNOTS = 16
# Misses of the past are smaller than those to come: ways were chosen by them. Measured on hourly
# series of a public competition (docs/expectations.md), where it makes bands cover what they say.
_WIDER = 1.25


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Measured at earlier origins of the series itself, each left out of the choice it measures:
    `mase` is the mean absolute error over that of the seasonal naive forecast within the series
    (None where that is 0), `coverage` the share of values within the band.
    """

    mase: float | None
    coverage: float
    folds: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """`values` of the periods after the series, with a band that covers `level` of them."""

    values: Values
    lower: Values
    upper: Values
    model: str
    accuracy: Accuracy


class TooShort(Exception):
    """The series has fewer periods than a forecast needs: `least`."""

    def __init__(self, least: int) -> None:
        super().__init__(f"at least {least} periods are needed")
        self.least = least


def forecast(series: Values, period: LongPeriod, horizon: int, level: float) -> Forecast:
    """The forecast of a series without gaps, whose newest value is last; `level` is from 0 to 1.
    Never below 0 for a series that never was.

    Raises:
        TooShort: the series has too few values.
    """
    seasons = SEASONS[period]
    series = series[-seasons.longest :]
    if len(series) < seasons.least:
        raise TooShort(seasons.least)
    origins = _origins(len(series), horizon, seasons)
    tested = min(horizon, len(series) - origins[0])
    ways = candidates(series, origins, horizon, seasons)
    actual = np.array([series[o : o + tested] for o in origins])
    return _combined(series, seasons, ways, actual, level)


def _origins(known: int, horizon: int, seasons: Seasons) -> list[int]:
    """Up to ten, the newest first; with as much before them as is left of the series, and the
    whole horizon after them where that leaves half of it.
    """
    tested = min(horizon, known // 3)
    room = known - tested - seasons.least // 2
    folds = max(_LEAST_FOLDS, min(_FOLDS, room // seasons.step + 1))
    step = max(1, min(seasons.step, room // folds))
    return [known - tested - step * number for number in range(folds)]


def _combined(
    series: Values, seasons: Seasons, ways: list[Candidate], actual: Values, level: float
) -> Forecast:
    folds, tested = actual.shape
    past = np.array([way.past[:, :tested] for way in ways])
    errors = np.abs(past - actual).mean(axis=2)
    scale = _naive_error(series, seasons)
    recency: Values = _RECENCY ** np.arange(folds, dtype=np.float64)
    misses = np.empty_like(actual)
    for fold in range(folds):
        chosen, weights = _choice(errors, _without(recency, fold), scale)
        misses[fold] = actual[fold] - weights @ past[chosen, fold]
    chosen, weights = _choice(errors, recency, scale)
    model = "autoregression"
    naive = _best_naive(ways, errors, recency)
    if np.abs(misses).mean() >= np.abs(actual - past[naive]).mean():
        # No better than the last season again: that one, then, and said so.
        chosen, weights, model = np.array([naive]), np.ones(1), "seasonal_naive"
        misses = actual - past[naive]
    values = weights @ np.array([ways[way].ahead for way in chosen])
    below, above = _band(misses, level, len(values))
    floor = 0.0 if series.min() >= 0 else -np.inf
    return Forecast(
        np.maximum(values, floor),
        np.maximum(values + below, floor),
        np.maximum(values + above, floor),
        model,
        _accuracy(misses, level, scale),
    )


def _accuracy(misses: Values, level: float, scale: float) -> Accuracy:
    """Each fold against the band of the others."""
    folds, tested = misses.shape
    covered = []
    for fold in range(folds):
        below, above = _band(np.delete(misses, fold, axis=0), level, tested)
        covered.append((misses[fold] >= below) & (misses[fold] <= above))
    error = float(np.abs(misses).mean())
    return Accuracy(error / scale if scale else None, float(np.mean(covered)), folds)


def _without(weight: Values, number: int) -> Values:
    return np.where(np.arange(len(weight)) == number, 0.0, weight)


def _choice(errors: Values, weight: Values, scale: float) -> tuple[NDArray[np.int_], Values]:
    """The best ways by their weighted errors, and how much each counts."""
    scores = errors @ weight / weight.sum() / (scale or 1.0)
    best = np.argsort(scores, kind="stable")[:_COMBINED]
    shares = 1 / (scores[best] + 0.01) ** 2
    return best, shares / shares.sum()


def _best_naive(ways: list[Candidate], errors: Values, recency: Values) -> int:
    naive = [number for number, way in enumerate(ways) if way.name == "seasonal_naive"]
    return min(naive, key=lambda number: float(errors[number] @ recency))


def _naive_error(series: Values, seasons: Seasons) -> float:
    length = seasons.lengths[0] if len(series) > seasons.lengths[0] else 1
    return float(np.abs(series[length:] - series[:-length]).mean())


def _band(misses: Values, level: float, horizon: int) -> tuple[Values, Values]:
    """How far the band reaches below and above at each step: from misses at the steps around, at
    some steps and straight between them; beyond what was tested as at its end.
    """
    tested = misses.shape[1]
    steps = np.arange(tested)
    tail = (1 - level) / 2
    knots = np.unique(np.linspace(0, tested - 1, min(tested, _KNOTS)).round().astype(int))
    around = max(_AROUND, tested // _KNOTS)
    edges = np.array(
        [np.quantile(misses[:, np.abs(steps - knot) <= around], (tail, 1 - tail)) for knot in knots]
    )
    ahead = np.arange(horizon)
    below = np.interp(ahead, knots, edges[:, 0]) * _WIDER
    above = np.interp(ahead, knots, edges[:, 1]) * _WIDER
    return np.minimum(below, 0.0), np.maximum(above, 0.0)
