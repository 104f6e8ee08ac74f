"""Trials: what would become of points, without storing any."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from service.metrics.ingest.sample import Sample
from service.metrics.mapping.door import Door, scaled
from service.metrics.mapping.mapping import Mapping
from service.metrics.mapping.point import Point
from service.metrics.mapping.target import LeftOut
from sql.messages import Message
from sql.scope import Scope

MAX_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Trial:
    """A point, the sample that it becomes, and what speaks against one or against storing it."""

    point: Point
    sample: Sample | None
    problem: Message | None


async def tried(
    door: Door, points: Sequence[Point], scope: Scope, mapping: Mapping | None
) -> list[Trial]:
    """The first of the points under a mapping, or under the one that counts.

    Raises:
        Forbidden: a point of another service than the scope's.
    """
    counting = await door.mapping(scope)
    mapping = mapping or counting
    found: list[Trial] = []
    samples: list[Sample] = []
    places: list[int] = []
    for place, point in enumerate(points[:MAX_POINTS]):
        target = door.target(point.series, scope, mapping)
        if isinstance(target, LeftOut):
            found.append(Trial(point, None, target.message))
        else:
            samples.append(target.source.at(scaled(point, target)))
            places.append(place)
            found.append(Trial(point, samples[-1], None))
    for problem in await door.problems(samples, scope, datetime.now(UTC)):
        if problem.index is not None:
            one = found[places[problem.index]]
            found[places[problem.index]] = Trial(one.point, one.sample, problem.message)
    return found
