"""Thresholds that would have kept to a budget of alerts. Pure."""

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

# No more than this share of what was seen may be beyond a threshold: what fires all the time is one
# event, and within any budget.
_MOST_BEYOND = 0.1
_DIGITS = 2


def threshold_within(
    values: Sequence[float], *, below: bool, most: float, opened: Callable[[float], int]
) -> float | None:
    """The threshold nearest to what is usual with which at most so many events opened, in two
    digits; None where no threshold says anything. `values` are all that were judged, `opened`
    the number of events with a threshold.
    """
    ordered = sorted(set(values), reverse=not below)
    tried = ordered[: max(int(len(values) * _MOST_BEYOND), 1) + 1]
    low, high = 0, len(tried) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if opened(_round(tried[middle], below=below)) <= most:
            low = middle
        else:
            high = middle - 1
    if len(tried) < 2:
        return None
    found = _round(tried[low], below=below)
    # Nothing is below 0 of what never was.
    return None if below and found == 0 and ordered[0] >= 0 else found


def _round(value: float, *, below: bool) -> float:
    """To few digits, away from what is usual."""
    exact = Decimal(repr(value))
    if not exact:
        return 0.0
    step = Decimal(1).scaleb(exact.adjusted() + 1 - _DIGITS)
    return float(exact.quantize(step, ROUND_FLOOR if below else ROUND_CEILING))
