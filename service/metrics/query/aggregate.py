"""Answering aggregate queries: their series, then their rollups, each read once."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from service.metrics.query.batching import Batcher
from service.metrics.query.fill import Point
from service.metrics.query.limits import MANY_SERIES, QueryLimits, check_age, check_series
from service.metrics.query.pending import LateSamples, Pending
from service.metrics.query.ranges import Span
from service.metrics.query.ranking import Rankings, ranking_of
from service.metrics.query.result import Result
from service.metrics.query.rollup_queries import recent_part, rollup_query, rollups_of, size_of
from service.metrics.query.rollups import Rollups
from service.metrics.query.selected import Selected, one_unit, selected_of
from service.metrics.query.selection import Group, Grouped, Grouping, by_group_by, group_series
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import AggregateQuery
from sql.calendar import Period
from sql.database import Connections, fetch_all
from sql.statements import joined, repeated
from sql.zones import Zones

# In seconds; together the second that a value may be old: what a result is computed from may
# have been selected for another query.
_SELECTION_AGE = 0.5
_RESULT_AGE = 0.5


class Aggregates:
    """Answers aggregate queries; equal ones made at the same time share one result, and
    those about the same series their selection. Values are read from connections that may
    keep the plans of statements. `closed_before` says up to when those of a metric (tenant, name)
    are final.
    """

    def __init__(
        self,
        reads: Connections,
        figures: Connections,
        business_zone: ZoneInfo,
        minutes_kept: timedelta,
        closed_before: Callable[[str, str], datetime | None],
    ) -> None:
        self._reads = reads
        self._minutes_kept = minutes_kept
        self._closed_before = closed_before
        self._limits = QueryLimits()
        self._groupings = Batcher(partial(group_series, figures), by_group_by)
        self._rollups = Rollups(figures)
        self._zones = Zones(reads)
        self._business_zone = business_zone
        # Of metrics that have many; a few bytes each.
        self._series_counts: dict[tuple[str, str], int] = {}
        # Finished also for who gives up: a statement that is broken off costs its connection, and a
        # new one takes longer to make than most queries to read.
        self._series: SingleFlight[Grouped] = SingleFlight(max_age=_SELECTION_AGE, finished=True)
        self._results: SingleFlight[Result] = SingleFlight(max_age=_RESULT_AGE, finished=True)
        self._totals: SingleFlight[dict[Group, float]] = SingleFlight(
            max_age=_RESULT_AGE, finished=True
        )
        self._rankings = Rankings(self._rollups, self._limits)
        self._late = LateSamples(reads, business_zone)
        # The panels of a page ask all at once.
        self._pending: SingleFlight[list[Pending]] = SingleFlight(max_age=0.05)
        self._watermarks: SingleFlight[dict[str, datetime]] = SingleFlight(max_age=1.0)

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """Drop what was computed of these metrics (tenant, name): samples of them were just
        committed here.
        """
        self._pending.forget(())
        for metric in metrics:
            self._series.forget(metric)
            self._results.forget(metric)
            self._totals.forget(metric)

    async def result(self, query: AggregateQuery, now: datetime) -> Result:
        """The values of each period. They are at most a second old.

        Raises:
            Invalid: several units have samples, there are too many series, or the range begins
                before minutes are kept; `TooFine` for a period finer than any sample.
            Busy: too many queries are read.
        """
        return await self._results.get(query.subject, query.key, lambda: self._compute(query, now))

    async def totals(self, query: AggregateQuery) -> dict[Group, float]:
        """The value of the whole range for each group with samples: not combined from those of
        its periods. At most a second old.

        Raises:
            Invalid, Busy: as `result`.
        """
        return await self._totals.get(query.subject, query.key, lambda: self._compute_totals(query))

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

    async def watermarks(self) -> dict[str, datetime]:
        """Up to where each rollup is materialised, by its name; none on the plain engine. At most
        a second old.
        """
        return await self._watermarks.get((), "", self._read_watermarks)

    def turn(self, tenant: str, buckets: float) -> AbstractAsyncContextManager[None]:
        """The length of a query of a tenant that reads about so many buckets.

        Raises:
            Busy: others took all the time that one waits.
        """
        return self._limits.turn(tenant, buckets)

    async def _compute_totals(self, query: AggregateQuery) -> dict[Group, float]:
        selected = await self._largest(query, await self.selected(query))
        async with self._limits.turn(query.selection.tenant, size_of(query, selected)):
            points = await self._whole(query, selected)
        return {
            selected.groups[point.group]: point.value for point in points if point.value is not None
        }

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
        level: Period = "hour" if self._from_hours(query) else query.period
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
            grouped = await self._groupings.load(Grouping(query.selection, query.group_by))
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
            points = await self._rollups.points(counted)
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
        return await self._rollups.points(rollup_query(query, selected, whole=True))

    async def _points(
        self, query: AggregateQuery, selected: Selected, now: datetime
    ) -> list[Point]:
        """Oldest first, one more than the limit."""
        if not selected.parts:
            return []
        wanted = rollup_query(query, selected)
        recent = recent_part(wanted, query, now)
        if recent is not None:
            points = await self._rollups.points(recent)
            if len(points) == wanted.limit:
                return points
        return await self._rollups.points(wanted)

    def _from_hours(self, query: AggregateQuery) -> bool:
        """Day edges of another zone than the business one are in no rollup."""
        return query.period not in ("minute", "hour") and query.zone != self._business_zone

    async def _read_watermarks(self) -> dict[str, datetime]:
        rows = await fetch_all(self._reads, "watermarks")
        return {row["relation"]: row["watermark"] for row in rows}


def _series_count(grouped: Grouped) -> int:
    return sum(part.series_count for part in grouped.parts)
