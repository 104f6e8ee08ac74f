"""Judging values by what was expected of them; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from alerts.expectation.sensitivity import RARITIES, SENSITIVITIES, Sensitivity
from service.metrics.query.result import Result
from service.metrics.query.selection import Group
from sql import calendar

Direction = Literal["below", "above"]

_MOST = 10.0


class Told(NamedTuple):
    """What was expected of a period before it began; `below` and `above` are the values beyond
    which it is unusual, by sensitivity (low, medium, high).
    """

    expected: float
    lower: float
    upper: float
    below: tuple[float | None, ...]
    above: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An unusual value, outside of `lower` to `upper`. `score` says how rare one is that is as far
    away: one period in ten to that power.
    """

    group: Group
    start: datetime
    value: float
    expected: float
    lower: float | None
    upper: float | None
    score: float
    direction: Direction


def anomalies(
    result: Result, told: Mapping[Group, Mapping[datetime, Told]], sensitivity: Sensitivity
) -> list[Anomaly]:
    """The unusual values of complete periods, oldest first."""
    query, unusual = result.query, []
    for point in result.shown:
        group = result.groups[point.group]
        one = told.get(group, {}).get(point.start)
        end = calendar.following(point.start, query.period, query.zone).astimezone(UTC)
        if one is None or point.value is None or end > result.now:
            continue
        found = judged(group, point.start, point.value, one, sensitivity)
        if found is not None:
            unusual.append(found)
    return unusual


def judged(
    group: Group, start: datetime, value: float, told: Told, sensitivity: Sensitivity
) -> Anomaly | None:
    """The anomaly that a value is; None where it is usual, or nobody knows."""
    number = SENSITIVITIES.index(sensitivity)
    lower, upper = told.below[number], told.above[number]
    direction: Direction
    if lower is not None and value < lower:
        direction, edges = "below", told.below
    elif upper is not None and value > upper:
        direction, edges = "above", told.above
    else:
        return None
    score = round(_score(abs(value - told.expected), told.expected, edges), 2)
    return Anomaly(group, start, value, told.expected, lower, upper, score, direction)


def _score(distance: float, expected: float, edges: tuple[float | None, ...]) -> float:
    """Straight between the edges, which are known, and on beyond the furthest."""
    known = sorted(
        (abs(edge - expected), RARITIES[name])
        for edge, name in zip(edges, SENSITIVITIES, strict=True)
        if edge is not None
    )
    steps = [(0.0, 0.0), *known]
    for (near, low), (far, high) in pairwise(steps):
        if distance <= far:
            return high if far <= near else low + (high - low) * (distance - near) / (far - near)
    (near, low), (far, high) = steps[-2:]
    beyond = (distance - far) / (far - near) if far > near else _MOST
    return min(high + (high - low) * beyond, _MOST)
