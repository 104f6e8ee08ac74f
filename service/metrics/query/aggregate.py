"""Answering aggregate queries: their series, then their rollups, each read once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.metrics.query.fill import Point
from service.metrics.query.limits import MANY_SERIES, QueryLimits, check_age, check_series
from service.metrics.query.pending import LateSamples, Pending
from service.metrics.query.ranges import Span
from service.metrics.query.ranking import Rankings, ranking_of
from service.metrics.query.result import Result, Totals, Whole
from service.metrics.query.rollup_queries import (
    read_level,
    recent_part,
    rollup_query,
    rollups_of,
    size_of,
)
from service.metrics.query.selected import Selected, one_unit, selected_of
from service.metrics.query.selection import Group, Grouped, Grouping
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.source import Source
from service.metrics.query.spec import AggregateQuery
from sql.database import Connections
from sql.statements import joined, repeated
from sql.zones import Zones

# In seconds; together the second that a value may be old: what a result is computed from may
# have been selected for another query.
_SELECTION_AGE = 0.5
_RESULT_AGE = 0.5


class Aggregates:
    """Answers aggregate queries; equal ones made at the same time share one result, and
    those about the same series their selection. `closed_before` says up to when those of a metric
    (tenant, name) are final.
    """

    def __init__(
        self,
        reads: Connections,
        source: Source,
        business_zone: ZoneInfo,
        minutes_kept: timedelta,
        closed_before: Callable[[str, str], datetime | None],
    ) -> None:
        self._reads = reads
        self._minutes_kept = minutes_kept
        self._closed_before = closed_before
        self._limits = QueryLimits()
        self._source = source
        self._zones = Zones(reads)
        self._business_zone = business_zone
        # Of metrics that have many; a few bytes each.
        self._series_counts: dict[tuple[str, str], int] = {}
        # Finished also for who gives up: a statement that is broken off costs its connection, and a
        # new one takes longer to make than most queries to read.
        self._series: SingleFlight[Grouped] = SingleFlight(max_age=_SELECTION_AGE, finished=True)
        self._results: SingleFlight[Result] = SingleFlight(max_age=_RESULT_AGE, finished=True)
        self._wholes: SingleFlight[Whole] = SingleFlight(max_age=_RESULT_AGE, finished=True)
        self._rankings = Rankings(source, self._limits)
        self._late = LateSamples(reads, business_zone)
        # The panels of a page ask all at once.
        self._pending: SingleFlight[list[Pending]] = SingleFlight(max_age=0.05)
        self._watermarks: SingleFlight[Mapping[str, datetime]] = SingleFlight(max_age=1.0)

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """Drop what was computed of these metrics (tenant, name): samples of them were just
        committed here.
        """
        self._pending.forget(())
        for metric in metrics:
            self._series.forget(metric)
            self._results.forget(metric)
            self._wholes.forget(metric)

    async def result(self, query: AggregateQuery, now: datetime) -> Result:
        """The values of each period. They are at most a second old.

        Raises:
            Invalid: several units have samples, there are too many series, or the range begins
                before minutes are kept; `TooFine` for a period finer than any sample.
            Busy: too many queries are read.
        """
        return await self._results.get(query.subject, query.key, lambda: self._compute(query, now))

    async def totals(self, query: AggregateQuery) -> Totals:
        """The value of the whole range for each group with samples: not combined from those of
        its periods. At most a second old.

        Raises:
            Invalid, Busy: as `result`.
        """
        return (await self.whole(query)).totals

    async def whole(self, query: AggregateQuery) -> Whole:
        """The whole range as one period.

        Raises:
            Invalid, Busy: as `result`.
        """
        return await self._wholes.get(query.subject, query.key, lambda: self._compute_whole(query))

    async def groups(self, query: AggregateQuery) -> Sequence[Group]:
        """The groups that there are series of, with samples in its range or not."""
        grouping = Grouping(query.selection, query.group_by)
        return (await self._source.grouped(grouping)).groups

    async def materialized_until(self, result: Result) -> datetime | None:
        """From where on every sample counts at once: where the last of its rollups is not
        materialised any more. None where nothing is.
        """
        watermarks = await self.watermarks()
        known = [watermarks[name] for name in result.rollups if name in watermarks]
        return max(known, default=None)

    async def lacks_samples(self, query: AggregateQuery, spans: Sequence[Span]) -> bool:
        """Whether samples of the query within any of these spans wait for a refresh: they were
        acknowledged and do not count yet.

        Raises:
            Invalid: as `result`.
        """
        pending = await self._pending.get((), "", self._late.pending)
        return bool(pending) and await self._late.lack(await self.selected(query), pending, spans)

    @property
    def own(self) -> "Aggregates":
        """What answers of this installation alone, which a hub's others do not."""
        return self

    def own_part(self, query: AggregateQuery) -> AggregateQuery:
        """The query as it is answered of this installation alone; a hub refuses others."""
        return query

    async def watermarks(self) -> Mapping[str, datetime]:
        """Up to where each rollup is materialised, by its name; none on the plain engine. At most
        a second old.
        """
        return await self._watermarks.get((), "", self._source.watermarks)

    def turn(self, tenant: str, buckets: float) -> AbstractAsyncContextManager[None]:
        """The length of a query of a tenant that reads about so many buckets.

        Raises:
            Busy: others took all the time that one waits.
        """
        return self._limits.turn(tenant, buckets)

    async def _compute_whole(self, query: AggregateQuery) -> Whole:
        selected = await self._largest(query, await self.selected(query))
        async with self._limits.turn(query.selection.tenant, size_of(query, selected)):
            points = await self._whole(query, selected)
        of_group = {selected.groups[one.group]: one for one in points if one.value is not None}
        return Whole(selected.unit, of_group, selected.units_left_out)

    async def _compute(self, query: AggregateQuery, now: datetime) -> Result:
        selected = await self._largest(query, await self.selected(query))
        async with self._limits.turn(query.selection.tenant, size_of(query, selected)):
            points = await self._points(query, selected, now)
        return Result(
            query,
            now,
            None if query.aggregation == "count" else selected.unit,
            selected.groups,
            selected.sizes if query.aggregation == "last" else (),
            points,
            sorted(selected.omitted),
            rollups_of(selected.frequencies, selected.level),
            selected.units_left_out,
            selected.group_count,
            self._closed_before(*query.subject),
        )

    async def selected(self, query: AggregateQuery) -> Selected:
        """The series of a query in their groups; they are at most half a second old.

        Raises:
            Invalid, Busy: as `result`.
        """
        now = datetime.now(UTC)
        await self._zones.check(query.zone, now)
        check_age(query, self._minutes_kept, now)
        level = read_level(query.period, in_business_zone=query.zone == self._business_zone)
        grouped = await self._series.get(
            query.subject,
            repr((query.selection, query.group_by)),
            lambda: self._group(query),
        )
        check_series(_series_count(grouped))
        selected = selected_of(grouped, query, level)
        if len(selected.units) < 2 or "unit" in query.group_by or query.aggregation == "count":
            return selected
        return one_unit(selected, query, await self._units_with_samples(query, selected))

    async def _group(self, query: AggregateQuery) -> Grouped:
        """The series in their groups; of a metric that had many the last time, at its turn."""
        many = self._series_counts.get(query.subject, 0)
        async with self._limits.turn(query.selection.tenant, 0, many) if many else nullcontext():
            grouped = await self._source.grouped(Grouping(query.selection, query.group_by))
        if (count := _series_count(grouped)) >= MANY_SERIES:
            self._series_counts[query.subject] = count
        return grouped

    async def _units_with_samples(
        self, query: AggregateQuery, selected: Selected
    ) -> dict[str | None, float]:
        """The number of samples in the range by unit."""
        units = selected.units
        groups = [
            repeated(str(units.index(part.unit)), part.series_count) for part in selected.parts
        ]
        whole = rollup_query(query, selected, whole=True)
        counted = replace(
            whole,
            buckets=replace(whole.buckets, alive=False),
            aggregation="count",
            groups=joined(groups),
            group_count=len(units),
            limit=len(units),
        )
        async with self._limits.turn(query.selection.tenant, counted.size):
            points = await self._source.points(counted)
        return {units[point.group]: point.value for point in points if point.value}

    async def _largest(self, query: AggregateQuery, selected: Selected) -> Selected:
        """Only the groups with the largest values of the whole range, as many as are wanted."""
        most = query.most_groups
        if most is None or len(selected.groups) <= most:
            return selected
        whole = rollup_query(query, selected, whole=True)
        return await self._rankings.largest(
            query, selected, ranking_of(whole, most, self._business_zone)
        )

    async def _whole(self, query: AggregateQuery, selected: Selected) -> list[Point]:
        """Of the whole range one for each group."""
        if not selected.parts:
            return []
        return await self._source.points(rollup_query(query, selected, whole=True))

    async def _points(
        self, query: AggregateQuery, selected: Selected, now: datetime
    ) -> list[Point]:
        """Oldest first, one more than the limit."""
        if not selected.parts:
            return []
        wanted = rollup_query(query, selected)
        recent = recent_part(wanted, query, now)
        if recent is not None:
            points = await self._source.points(recent)
            if len(points) == wanted.limit:
                return points
        return await self._source.points(wanted)


def _series_count(grouped: Grouped) -> int:
    return sum(part.series_count for part in grouped.parts)
