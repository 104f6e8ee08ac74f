"""Where series, rollups and watermarks are read: in this database, or in that of a member."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Protocol

from service.metrics.query.batching import Batcher
from service.metrics.query.fill import Point
from service.metrics.query.rollups import RollupQuery, Rollups
from service.metrics.query.selection import Grouped, Grouping, by_group_by, group_series
from sql.database import Connections, fetch_all


class Source(Protocol):
    """An installation's series and the values of their rollups."""

    async def grouped(self, grouping: Grouping) -> Grouped:
        """The series of a selection in their groups."""

    async def points(self, query: RollupQuery) -> list[Point]:
        """The values of buckets with samples, oldest first."""

    async def watermarks(self) -> Mapping[str, datetime]:
        """By name of a rollup, up to where it is materialised."""


class OwnSource:
    """This database. What is read at the same time is read together; `figures` may keep the plans
    of statements.
    """

    def __init__(self, reads: Connections, figures: Connections) -> None:
        self._reads = reads
        self._groupings = Batcher(partial(group_series, figures), by_group_by)
        self._rollups = Rollups(figures)

    async def grouped(self, grouping: Grouping) -> Grouped:
        """The series of a selection in their groups."""
        return await self._groupings.load(grouping)

    async def points(self, query: RollupQuery) -> list[Point]:
        """The values of buckets with samples, oldest first."""
        return await self._rollups.points(query)

    async def watermarks(self) -> Mapping[str, datetime]:
        """By name of a rollup, up to where it is materialised."""
        rows = await fetch_all(self._reads, "watermarks")
        return {row["relation"]: row["watermark"] for row in rows}
