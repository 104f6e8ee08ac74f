"""Gaps of a series: periods without a value."""

from collections.abc import Iterable


def without_gaps(values: Iterable[float | None], *, adds: bool) -> list[float]:
    """Every period with a value: where there is none 0 if values add up, else the one before it."""
    found: list[float] = []
    last = 0.0
    for value in values:
        last = value if value is not None else 0.0 if adds else last
        found.append(last)
    return found
