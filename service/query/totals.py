"""Figures of a range, put together from those of its periods where that gives the same."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from service.query.aggregate import Answer, Group
from service.query.fill import Cell
from service.query.ranges import Span


def _rounded(value: float) -> float:
    """To the 15 digits that a double surely has, as the database rounds."""
    return float(f"{value:.15g}")


def _sum(cells: Sequence[Cell]) -> float:
    return _rounded(math.fsum(_values(cells)))


def _mean(cells: Sequence[Cell]) -> float:
    samples = sum(cell.samples or 0 for cell in cells)
    return _rounded(math.fsum(cell.total or 0.0 for cell in cells) / samples)


def _values(cells: Iterable[Cell]) -> list[float]:
    return [cell.value for cell in cells if cell.value is not None]


# Not for last values: a series may have none in the last period.
ADDING: Mapping[str, Callable[[Sequence[Cell]], float]] = {
    "sum": _sum,
    "count": _sum,
    "avg": _mean,
    "min": lambda cells: min(_values(cells)),
    "max": lambda cells: max(_values(cells)),
}


def added_up(answer: Answer, span: Span) -> dict[Group, float]:
    """The figure of the periods that start in a range, for each group that has any."""
    chosen: dict[int, list[Cell]] = {}
    for cell in answer.cells:
        if span.since <= cell.start < span.before:
            chosen.setdefault(cell.group, []).append(cell)
    add = ADDING[answer.question.aggregation]
    return {answer.groups[group]: add(cells) for group, cells in chosen.items()}
