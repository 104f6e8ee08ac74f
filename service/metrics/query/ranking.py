"""Ranking: which groups of a query are the largest, of very many by whole weeks or months."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.query.limits import QueryLimits
from service.metrics.query.rollups import HOURS, VERY_MANY, Buckets, RollupQuery
from service.metrics.query.selected import Selected
from service.metrics.query.selection import Group
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.source import Source
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.calendar import Period
from sql.vocabulary import LEVELS

_COARSEST_FIRST: tuple[Period, ...] = ("month", "week", "day")
# Of a coarser level than the query's own, that a range must have at least.
_FEWEST_PERIODS = 4
# Of what is known of very many, in seconds.
_MAX_AGE = 60.0


class Ranked(NamedTuple):
    """The largest groups, and how many have samples."""

    groups: frozenset[Group]
    group_count: int


class Rankings:
    """Finds the largest groups; of very many once a minute."""

    def __init__(self, source: Source, limits: QueryLimits) -> None:
        self._source = source
        self._limits = limits
        # Not forgotten with new samples.
        self._known: SingleFlight[Ranked] = SingleFlight(max_age=_MAX_AGE, finished=True)

    async def largest(
        self, query: AggregateQuery, selected: Selected, ranking: RollupQuery
    ) -> Selected:
        """Only those groups of a selection.

        Raises:
            Busy: too many queries are read.
        """
        if ranking.size < VERY_MANY:
            ranked = await self._rank(query, selected, ranking)
        else:
            ranked = await self._known.get(
                query.subject,
                ranking_key(query, ranking),
                lambda: self._rank(query, selected, ranking),
            )
        kept = selected.only(selected.groups.numbers_of(ranked.groups))
        return kept._replace(group_count=ranked.group_count)

    async def _rank(
        self, query: AggregateQuery, selected: Selected, ranking: RollupQuery
    ) -> Ranked:
        async with self._limits.turn(query.selection.tenant, ranking.size):
            points = await self._source.points(ranking)
        groups = frozenset(selected.groups[point.group] for point in points)
        return Ranked(groups, (points[0].number or 0) if points else 0)


def ranking_of(whole: RollupQuery, most: int, zone: ZoneInfo) -> RollupQuery:
    """The query for so many groups with the largest values of a whole range. Of very many buckets
    those of a coarser level are read: of a range that is widened to whole days, weeks or months of
    the business time zone.
    """
    ranking = replace(whole, buckets=replace(whole.buckets, largest=True, alive=False), limit=most)
    if ranking.size >= VERY_MANY:
        for level in _coarser(ranking.buckets, ranking.since):
            return _at(level, ranking, zone)
    return ranking


def ranking_key(query: AggregateQuery, ranking: RollupQuery) -> str:
    """The same for queries with equal rankings."""
    return repr(
        (
            query.selection,
            query.group_by,
            query.aggregation,
            query.units,
            query.only_groups and sorted(query.only_groups, key=repr),
            ranking.buckets,
            ranking.since,
            ranking.limit,
        )
    )


def _coarser(buckets: Buckets, since: datetime | None) -> Iterator[Period]:
    for level in _COARSEST_FIRST:
        if level == "week" and calendar.days_before_monday():
            continue
        is_there = all(level in LEVELS[frequency] for frequency in buckets.frequencies)
        if is_there and HOURS[level] > HOURS[buckets.level] and _fits(level, buckets, since):
            yield level


def _fits(level: Period, buckets: Buckets, since: datetime | None) -> bool:
    return replace(buckets, level=level).count(since, 1) >= _FEWEST_PERIODS


def _at(level: Period, ranking: RollupQuery, zone: ZoneInfo) -> RollupQuery:
    buckets, since = ranking.buckets, ranking.since
    before = buckets.before and calendar.ceiling(buckets.before, level, zone).astimezone(UTC)
    return replace(
        ranking,
        buckets=replace(buckets, level=level, period=level, zone=str(zone), before=before),
        since=since and calendar.floor(since, level, zone).astimezone(UTC),
    )
