"""The door for points: mapped to samples, which take the way of every sample."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite

import prometheus_client

from service.metrics.ingest.metric_table import MetricTable
from service.metrics.ingest.recorder import Recorder
from service.metrics.ingest.sample import Sample, Source
from service.metrics.mapping.mapping import Mapping
from service.metrics.mapping.mappings import Mappings
from service.metrics.mapping.point import Foreign, Point, Points
from service.metrics.mapping.remembered import Remembered
from service.metrics.mapping.target import LeftOut, Target
from sql.errors import Problem
from sql.scope import Scope

# Of one flush, and between two turns of the event loop.
CHUNK = 2000

LEFT_OUT = prometheus_client.Counter(
    "fature_ingest_left_out_total",
    "Points of other protocols that became no samples, and were not refused.",
    ["reason"],
)


@dataclass(slots=True)
class Outcome:
    """The outcome of a request: how many points were taken, how many were left out by reason, and
    the problems of those that were refused, by their places in the request.
    """

    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)


class Door:
    """Takes points for all protocols that have no samples of their own."""

    def __init__(self, mappings: Mappings, metrics: MetricTable, recorder: Recorder) -> None:
        self._mappings = mappings
        self._metrics = metrics
        self._recorder = recorder
        self._targets = Remembered[tuple[object, ...], tuple[Mapping, Target | LeftOut]]()

    async def mapping(self, scope: Scope) -> Mapping:
        """The one that counts, with the catalogue ready for it."""
        await self._mappings.ready()
        await self._metrics.ready()
        return self._mappings.of(scope.tenant)

    async def problems(
        self, samples: Sequence[Sample], scope: Scope, now: datetime
    ) -> list[Problem]:
        """All that samples would be refused for, but for series too many."""
        return await self._recorder.preparer.problems(samples, scope, now)

    async def record(self, points: Points, scope: Scope) -> Outcome:
        """Store those points that the mapping takes and that can be stored. Answered once they are
        on disk; sent again, none counts twice.

        Raises:
            Forbidden: a point of another service than the scope's.
            Busy, DatabaseError: as `Recorder.record_each` says; some may be stored.
        """
        outcome = Outcome(left_out=Counter(points.useless), problems=list(points.problems))
        mapping = await self.mapping(scope)
        for first in range(0, len(points.points), CHUNK):
            await self._record_some(points, first, scope, mapping, outcome)
        for reason, number in outcome.left_out.items():
            LEFT_OUT.labels(reason).inc(number)
        return outcome

    async def _record_some(
        self, points: Points, first: int, scope: Scope, mapping: Mapping, outcome: Outcome
    ) -> None:
        await asyncio.sleep(0)
        sources: list[Source] = []
        measured: list[Point] = []
        numbers: list[int] = []
        targets: dict[Foreign, Target | LeftOut] = {}
        for number, point in enumerate(points.points[first : first + CHUNK], start=first):
            target = targets.get(point.series)
            if target is None:
                target = targets[point.series] = self.target(point.series, scope, mapping)
            if isinstance(target, LeftOut):
                outcome.left_out[target.reason] += 1
                if target.refused:
                    outcome.problems.append(Problem(target.message, index=points.place(number)))
                continue
            one = point if target.scale == 1.0 else scaled(point, target)
            if not isfinite(one.value):
                outcome.left_out["not_finite"] += 1
                continue
            sources.append(target.source)
            measured.append(one)
            numbers.append(number)
        if not sources:
            return
        problems = await self._recorder.record_each(sources, measured, scope)
        outcome.taken += len(sources) - len({problem.index for problem in problems})
        outcome.problems += [
            replace(one, index=None if one.index is None else points.place(numbers[one.index]))
            for one in problems
        ]

    def target(self, series: Foreign, scope: Scope, mapping: Mapping) -> Target | LeftOut:
        """The target of a series under a mapping, once mappings and catalogue are ready."""
        catalogue = self._metrics.of(scope.tenant)
        key = (scope.tenant, scope.service_name, series)
        if (known := self._targets.get(key)) is not None:
            made_by, target = known
            if made_by is mapping and catalogue.get(target.metric_name) is target.entry:
                return target
        target = mapping.target(scope, catalogue, series)
        self._targets.put(key, (mapping, target), series.characters)
        return target


def scaled(point: Point, target: Target) -> Point:
    """A point as the mapping scales it."""
    return Point(point.series, point.value * target.scale, point.ts, point.started)
