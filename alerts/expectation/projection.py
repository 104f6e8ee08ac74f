"""Projection: where a period will end, of what came so far and a forecast of the rest; pure."""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

from sql.vocabulary import ADDING, Aggregation

# How alike the misses of two steps of a forecast are: they partly even out.
_ALIKE = 0.25


class Projection(NamedTuple):
    """The value that a period will end with, and the band that it will be in."""

    value: float
    lower: float
    upper: float


class Ahead(NamedTuple):
    """The forecast of the periods that are left, with its band."""

    values: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]


def projected(
    aggregation: Aggregation, so_far: float | None, share: float, ahead: Ahead
) -> Projection:
    """The end of a period of which a `share` of the time is over."""
    if not ahead.values:
        value = so_far or 0.0
        return Projection(value, value, value)
    if aggregation in ADDING:
        return _sum(so_far or 0.0, ahead)
    if aggregation == "avg":
        return _mean(so_far, share if so_far is not None else 0.0, ahead)
    ends = _ENDS[aggregation]
    bound = [] if so_far is None or aggregation == "last" else [so_far]
    return Projection(*(ends([*bound, *part]) for part in (ahead.values, ahead.lower, ahead.upper)))


_ENDS: Mapping[Aggregation, Callable[[Sequence[float]], float]] = {
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
}


def _sum(so_far: float, ahead: Ahead) -> Projection:
    value = so_far + sum(ahead.values)
    return Projection(value, value - _width(ahead, -1), value + _width(ahead, 1))


def _mean(so_far: float | None, share: float, ahead: Ahead) -> Projection:
    left, count = 1 - share, len(ahead.values)
    value = share * (so_far or 0.0) + left * sum(ahead.values) / count
    below, above = (left * _width(ahead, side) / count for side in (-1, 1))
    return Projection(value, value - below, value + above)


def _width(ahead: Ahead, side: int) -> float:
    """How far a sum of steps reaches below (-1) or above (1) its value."""
    edges = ahead.upper if side > 0 else ahead.lower
    widths = [abs(edge - value) for edge, value in zip(edges, ahead.values, strict=True)]
    apart, alike = sum(one * one for one in widths), sum(widths) ** 2
    return sqrt((1 - _ALIKE) * apart + _ALIKE * alike)
