"""Figures of a range, put together from those of its periods where that gives the same."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from service.metrics.query.fill import Cell
from service.metrics.query.ranges import Span
from service.metrics.query.result import Answer, Group
from sql.decimals import exact_sum, rounded


def _sum(cells: Sequence[Cell]) -> float:
    return exact_sum(_values(cells))


def _mean(cells: Sequence[Cell]) -> float:
    samples = sum(cell.of or 0 for cell in cells)
    return rounded(exact_sum(cell.total or 0.0 for cell in cells) / samples)


def _values(cells: Iterable[Cell]) -> list[float]:
    return [cell.value for cell in cells if cell.value is not None]


# Of periods in their order; for last values only where all series have one in the last period.
ADDING: Mapping[str, Callable[[Sequence[Cell]], float]] = {
    "sum": _sum,
    "count": _sum,
    "avg": _mean,
    "min": lambda cells: min(_values(cells)),
    "max": lambda cells: max(_values(cells)),
    "last": lambda cells: _values(cells)[-1],
}


def _start(cell: Cell) -> datetime:
    return cell.start


def added_up(answer: Answer, span: Span) -> dict[Group, float] | None:
    """The figure of the periods that start in a range, for each group that has any; None where
    they do not tell.
    """
    first = bisect_left(answer.cells, span.since.astimezone(UTC), key=_start)
    end = bisect_left(answer.cells, span.before.astimezone(UTC), lo=first, key=_start)
    chosen: dict[int, list[Cell]] = {}
    for cell in answer.cells[first:end]:
        chosen.setdefault(cell.group, []).append(cell)
    aggregation = answer.question.aggregation
    if not answer.is_whole or (
        aggregation == "last"
        and any(cells[-1].of != answer.sizes[group] for group, cells in chosen.items())
    ):
        return None
    add = ADDING[aggregation]
    return {answer.groups[group]: add(cells) for group, cells in chosen.items()}
