"""Figures of a range, put together from those of its periods where that gives the same."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from service.query.aggregate import Group

Values = Mapping[datetime, float | None]


def _sum(values: Sequence[float]) -> float:
    """To the 15 digits that a double surely has, as the database adds."""
    return float(f"{math.fsum(values):.15g}")


# Not for means, which are of all samples, nor for last values: a series may have none in the
# last period.
ADDING: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": _sum,
    "count": _sum,
    "min": min,
    "max": max,
}


def added_up(
    aggregation: str, values: Mapping[Group, Values], starts: Sequence[datetime] | None = None
) -> dict[Group, float]:
    """The figure of all periods, or of those, for each group that has any."""
    add = ADDING[aggregation]
    found: dict[Group, float] = {}
    for group, row in values.items():
        chosen = row.values() if starts is None else map(row.get, starts)
        if known := [value for value in chosen if value is not None]:
            found[group] = add(known)
    return found
