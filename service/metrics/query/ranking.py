"""Ranking: which groups of a query are the largest, of very many by whole weeks or months."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.query.rollups import HOURS, VERY_MANY, Buckets, RollupQuery
from service.metrics.query.selection import Group
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.calendar import Period
from sql.vocabulary import LEVELS

_COARSEST_FIRST: tuple[Period, ...] = ("month", "week", "day")
# Of a coarser level than the query's own, that a range must have at least.
_FEWEST_PERIODS = 4


class Ranked(NamedTuple):
    """The largest groups, and how many have samples."""

    groups: frozenset[Group]
    group_count: int


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
