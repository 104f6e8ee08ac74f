"""Doubles as the decimals that they stand for."""

import sys
from collections.abc import Iterable
from decimal import Context, Decimal, localcontext

_LARGEST = sys.float_info.max
# Decimals of doubles have their digits between 1e309 and 1e-338.
_EXACT = Context(prec=700)


def exact_sum(values: Iterable[float]) -> float:
    """The double nearest to the sum of the values, each taken as the 15 digits that a double
    surely has, as rollups add up samples: 0.1 + 0.2 is 0.3, and 1234567.89 - 1234560 is 7.89.
    Of a sum that is too large for a double, the largest.
    """
    with localcontext(_EXACT):
        return _double(_total(values))


def exact_mean(totals: Iterable[float], number: int) -> float:
    """The sum of the totals of so many samples, each taken as `exact_sum` does, by their number; to
    the 15 digits that a double surely has, as rollups do.
    """
    with localcontext(_EXACT):
        return rounded(_double(_total(totals) / number))


def exact(value: float) -> Decimal:
    """The decimal of the 15 digits that a double surely has."""
    return Decimal(f"{value:.15g}")


def nearest(value: Decimal) -> float:
    """The double nearest to a decimal, to the 15 digits that one surely has."""
    return rounded(_double(value))


def rounded(value: float) -> float:
    """To the 15 digits that a double surely has, as means are."""
    return float(f"{value:.15g}")


def _total(values: Iterable[float]) -> Decimal:
    return sum(map(exact, values), Decimal())


def _double(value: Decimal) -> float:
    return max(-_LARGEST, min(_LARGEST, float(value)))
