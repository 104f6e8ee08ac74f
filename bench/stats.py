"""Latencies in figures."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds."""

    p50: float
    p95: float
    p99: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the ascending values do not exceed."""
    if not ordered:
        return math.nan
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def latency(seconds: Sequence[float]) -> Latency:
    """The percentiles of single durations; not a number where there are none."""
    ordered = sorted(seconds)
    return Latency(*(1000 * percentile(ordered, share) for share in (0.50, 0.95, 0.99)))


def median_latency(turns: Sequence[Latency]) -> Latency:
    """Of several turns, the median of each percentile by itself."""
    return Latency(*map(median, zip(*map(astuple, turns), strict=True)))
