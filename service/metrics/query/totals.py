"""Values of a range, combined from those of its periods where that gives the same."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from service.metrics.query.fill import Point
from service.metrics.query.ranges import Span
from service.metrics.query.result import Result
from service.metrics.query.selection import Group
from sql.decimals import exact_mean, exact_sum


def _sum(points: Sequence[Point]) -> float:
    return exact_sum(_values(points))


def _mean(points: Sequence[Point]) -> float:
    samples = sum(point.number or 0 for point in points)
    return exact_mean((point.total or 0.0 for point in points), samples)


def _values(points: Iterable[Point]) -> list[float]:
    return [point.value for point in points if point.value is not None]


# Of periods in their order; for last values only where all series have one in the last period.
COMBINE: Mapping[str, Callable[[Sequence[Point]], float]] = {
    "sum": _sum,
    "count": _sum,
    "avg": _mean,
    "min": lambda points: min(_values(points)),
    "max": lambda points: max(_values(points)),
    "last": lambda points: _values(points)[-1],
}


def _start(point: Point) -> datetime:
    return point.start


def combine(result: Result, span: Span) -> dict[Group, float] | None:
    """The value of the periods that start in a range, for each group that has any; None where it
    does not follow from theirs.
    """
    first = bisect_left(result.points, span.since.astimezone(UTC), key=_start)
    end = bisect_left(result.points, span.before.astimezone(UTC), lo=first, key=_start)
    chosen: dict[int, list[Point]] = {}
    for point in result.points[first:end]:
        chosen.setdefault(point.group, []).append(point)
    aggregation = result.query.aggregation
    if (
        result.query.derivation
        or not result.is_whole
        or (
            aggregation == "last"
            and any(points[-1].number != result.sizes[group] for group, points in chosen.items())
        )
    ):
        return None
    combined = COMBINE[aggregation]
    return {result.groups[group]: combined(points) for group, points in chosen.items()}


def rolling(result: Result, length: timedelta) -> list[Point]:
    """The points of a result of one group, each with those before it that are less than `length`
    away as one.
    """
    combined = COMBINE[result.query.aggregation]
    points, first, found = result.points, 0, []
    for end, point in enumerate(points, 1):
        while first < end - 1 and points[first].start <= point.start - length:
            first += 1
        found.append(Point(point.start, point.group, combined(points[first:end])))
    return found
