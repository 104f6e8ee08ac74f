"""How far misses reach: empirical quantiles, and beyond what was seen an exponential tail."""

import math

import numpy as np

from alerts.expectation.averages import Values

# Shares of misses beyond, by which a tail is kept; between them it is straight in their logarithm.
SHARES = (0.25, 0.1, 0.05, 0.025, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5)
_LOGS = -np.log(np.array(SHARES))
# From so few misses beyond on, the tail is extrapolated.
_FEW = 4
_SHOULDER = 0.05
# How much wider a tail is of a few values: by so much of its rarity, for each of them.
_DOUBT = 4.0


def tail_of(misses: Values) -> Values:
    """How far below 0 misses reach (as a positive number) for each of `SHARES`."""
    far = np.sort(-misses)
    count = len(far)
    at = (count - 1) * (1 - np.array((_SHOULDER, *SHARES)))
    shoulder, *seen = np.interp(at, np.arange(count), far).tolist()
    shoulder = max(shoulder, 0.0)
    beyond = far[np.searchsorted(far, shoulder, side="right") :]
    # Of an exponential tail, by its median: an outage that was is not what is expected to be.
    excess = (float(np.median(beyond)) - shoulder) / math.log(2) if len(beyond) else 0.0
    tail = [
        reached
        if share * count >= _FEW
        else shoulder + excess * math.log(_SHOULDER / min(share, _SHOULDER))
        for share, reached in zip(SHARES, seen, strict=True)
    ]
    # What was seen of few values was not the most.
    unsure = 1 + _DOUBT * _LOGS / count
    return np.asarray(np.maximum.accumulate(np.maximum(tail, 0.0)) * unsure, dtype=np.float64)


def reach(tail: Values, share: float) -> float:
    """How far a tail reaches with that share of misses beyond."""
    return float(np.interp(-np.log(share), _LOGS, tail))


def rarity(tail: Values, miss: float) -> float:
    """One in how many misses, as its power of ten, reaches as far as `miss`, a positive number."""
    edges = tail + np.arange(len(tail)) * 1e-12
    return float(np.interp(miss, edges, _LOGS)) / float(np.log(10))
