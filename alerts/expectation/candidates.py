"""Ways to go on from a series: its last seasons again, and regressions on its past."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from alerts.expectation.regression import Values, fitted, has_room
from alerts.expectation.seasons import Seasons

_PENALTIES = (1e-4, 1e-2)
# Nothing is expected further beyond what was ever seen than this share of its range.
_BEYOND = 0.3

Scale = Callable[[Values], Values]


class Candidate(NamedTuple):
    """The values that one way would have given after each origin (by origin), and gives after
    the end of the series.
    """

    name: str
    past: Values
    ahead: Values


def candidates(
    series: Values, origins: Sequence[int], horizon: int, seasons: Seasons
) -> list[Candidate]:
    """Every way that the series is long enough for, the seasonal naive ones first. Those of the
    past are of models that were fitted before the first origin.
    """
    low, high = float(series.min()), float(series.max())
    margin = _BEYOND * (high - low)
    ways = list(_naive(series, origins, horizon, seasons))
    ways += _regressions(series, lambda values: values, origins, horizon, seasons)
    if low > 0:
        bounds = np.log(low) - 1, np.log(high) + 1

        def back(values: Values) -> Values:
            return np.exp(np.clip(values, *bounds))

        ways += _regressions(np.log(series), back, origins, horizon, seasons)
    return [
        Candidate(
            name,
            np.clip(np.nan_to_num(past, nan=series[-1]), low - margin, high + margin),
            np.clip(np.nan_to_num(ahead, nan=series[-1]), low - margin, high + margin),
        )
        for name, past, ahead in ways
    ]


def _naive(
    series: Values, origins: Sequence[int], horizon: int, seasons: Seasons
) -> Iterator[Candidate]:
    for length in (*seasons.lengths, 1):
        if min(origins) >= length:
            past = np.array([np.resize(series[o - length : o], horizon) for o in origins])
            yield Candidate("seasonal_naive", past, np.resize(series[-length:], horizon))


def _regressions(
    series: Values, back: Scale, origins: Sequence[int], horizon: int, seasons: Seasons
) -> Iterator[Candidate]:
    first = min(origins)
    for lags in seasons.lags:
        if not has_room(first, lags):
            continue
        before = fitted(series[:first], lags, _PENALTIES, seasons.level)
        now = fitted(series, lags, _PENALTIES, seasons.level)
        for earlier, newest in zip(before, now, strict=True):
            yield Candidate(
                "autoregression",
                back(earlier.rolled(series, origins, horizon)),
                back(newest.rolled(series, [len(series)], horizon))[0],
            )
