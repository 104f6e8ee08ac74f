"""Reading rollups. Queries for the same aggregation of the same buckets that are made at the same
time, such as by the panels of a dashboard, are read in one statement: each takes a while of its own
to send, start and answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import sql

from service.metrics.query.batching import Batcher
from service.metrics.query.beside import beside
from service.metrics.query.ended import Since, known_since, steps_of
from service.metrics.query.fill import Point
from service.metrics.query.ranges import EVER, rounded
from sql.calendar import Period
from sql.database import Connections, fetch_prepared
from sql.statements import (
    Query,
    array_of,
    joined,
    numbers_of,
    query,
    repeated,
    start_of_period,
    union_all,
)
from sql.vocabulary import MAX_ROWS, Aggregation, Frequency

# Of a batch. More are quicker read side by side, on connections of their own.
_BATCH_BUCKETS = 10_000
# From here on it is worth while to look for fewer first.
VERY_MANY = 100_000
# Points of so many are made beside the event loop.
_MANY_ROWS = 2000
HOURS: dict[Period, float] = {
    "minute": 1 / 60,
    "hour": 1,
    "day": 24,
    "week": 168,
    "month": 720,
    "quarter": 2184,
    "year": 8760,
}


@dataclass(frozen=True, slots=True)
class Buckets:
    """Those of the rollups of some frequencies at a level, up to, not including, `before` (in UTC;
    None: all), combined into periods of `zone`; of a `whole` range all are one period, with the
    `largest` values first. Of last values those of series that were still `alive`.
    """

    frequencies: tuple[Frequency, ...]
    level: Period
    period: Period
    zone: str
    before: datetime | None
    whole: bool = False
    largest: bool = False
    alive: bool = False

    @property
    def hours_of_period(self) -> float:
        """About how long a period is."""
        return HOURS[self.period]

    def count(self, since: datetime | None, series: int) -> float:
        """About how many of so many series there are from then on."""
        if since is None:
            return float("inf")
        hours = ((self.before or datetime.now(UTC)) - since).total_seconds() / 3600
        return series * hours / HOURS[self.level]


@dataclass(frozen=True, slots=True, eq=False)
class RollupQuery:
    """The newest `limit` values since then (in UTC; None: ever) of `count` series in so many
    groups: two arrays as PostgreSQL writes them, of series and of the number of the group of each.
    """

    buckets: Buckets
    since: datetime | None
    aggregation: Aggregation
    series: str
    groups: str
    count: int
    group_count: int
    limit: int
    tenant: str = "default"

    @property
    def size(self) -> float:
        """About how many buckets are read; of all times as of five years."""
        since = self.since or datetime.now(UTC) - timedelta(days=1826)
        # When a series ended is looked up in the finest rollups.
        fineness = HOURS[self.buckets.level] if self.buckets.alive else 1
        return self.buckets.count(since, self.count) * fineness


class Rollups:
    """Reads values from rollups."""

    def __init__(self, reads: Connections) -> None:
        self._reads = reads
        self._batches = Batcher(self._read, _batches_of)

    async def points(self, query: RollupQuery) -> list[Point]:
        """The values of buckets with samples, oldest first."""
        return await self._batches.load(query)

    async def _read(self, batch: Sequence[RollupQuery]) -> dict[RollupQuery, list[Point]]:
        """The points of each query, all of a tenant's and the same aggregation of the same buckets;
        the first is the one that goes back most.
        """
        buckets, limit = batch[0].buckets, sum(one.limit for one in batch)
        now = datetime.now(UTC)
        # Without a plan to be kept, and a second look at buckets, which the plain engine computes.
        is_exact = buckets.largest and batch[0].size >= VERY_MANY
        bounds = rounded(batch[0].since, buckets.before, now, exactly=is_exact)
        if buckets.alive:
            known = known_since(now, buckets.period, ZoneInfo(buckets.zone))
            statement = _alive_statement(
                buckets.frequencies, buckets.level, buckets.period, buckets.whole, *bounds, known
            )
        else:
            statement = _statement(
                batch[0].aggregation,
                buckets.frequencies,
                buckets.level,
                None if buckets.level == buckets.period else buckets.period,
                buckets.whole,
                buckets.largest,
                is_exact,
                *bounds,
            )
        # Groups are numbered through.
        firsts = list(accumulate((one.group_count for one in batch), initial=0))
        values = {**_values(batch, firsts), "limit": limit}
        rows = await fetch_prepared(self._reads, statement, values)
        if len(batch) > 1 and len(rows) == limit and not buckets.whole:
            # Some may be missing that fell behind the limit of all.
            return {one: (await self._read([one]))[one] for one in batch}
        if len(rows) < _MANY_ROWS:
            return _by_query(rows, batch, firsts)
        return await beside(_by_query, rows, batch, firsts)


def _values(batch: Sequence[RollupQuery], firsts: Sequence[int]) -> dict[str, object]:
    """The parameters of a batch, whose groups are numbered from `firsts` on."""
    buckets = batch[0].buckets
    # A query of one whole period is matched by its series alone.
    starts = [None if buckets.whole else one.since for one in batch]
    end = _instant_text(None if buckets.whole else buckets.before, "infinity")
    return {
        "series": joined(one.series for one in batch),
        "groups": joined(map(_shifted, batch, firsts)),
        "starts": joined(
            repeated(_instant_text(start, "-infinity"), one.count)
            for one, start in zip(batch, starts, strict=True)
        ),
        "ends": repeated(end, sum(one.count for one in batch)),
        "since": array_of([_instant_text(batch[0].since, "-infinity")]),
        "before": array_of([_instant_text(buckets.before, "infinity")]),
        "period": buckets.period,
        "zone": buckets.zone,
    }


@lru_cache(maxsize=1000)
def _statement(
    aggregation: Aggregation,
    frequencies: tuple[Frequency, ...],
    level: Period,
    combined: Period | None,
    whole: bool,
    largest: bool,
    is_exact: bool,
    since: datetime | None,
    before: datetime | None,
) -> Query:
    """Reads buckets of a level, `combined` into longer periods. Kept, as composing it takes longer
    than sending it.
    """
    bounds = bounds_of(since, before)

    def source(frequency: Frequency) -> Query:
        rows = query("rollup_source").format(
            rollup=sql.Identifier("fature", f"rollup_{frequency}_{level}"),
            bounds=bounds,
        )
        if combined is None:
            return rows
        start = start_of_period(combined)
        return query("rollup_source_combined").format(start=start, buckets=rows.body)

    sources: sql.Composable = union_all(source(frequency) for frequency in frequencies)
    if whole:
        within = sql.SQL("") if is_exact else query("periods_within").body
        sources = query("rollup_source_whole").format(periods=sources, within=within).body
    return (
        query("aggregate_largest" if largest else "aggregate")
        .format(
            value=query(f"value_{aggregation}").body,
            sources=sources,
        )
        .rendered()
    )


@lru_cache(maxsize=1000)
def _alive_statement(
    frequencies: tuple[Frequency, ...],
    level: Period,
    period: Period,
    whole: bool,
    since: datetime | None,
    before: datetime | None,
    known: Since,
) -> Query:
    """Reads last values of series that were still alive."""
    steps = union_all(
        query("rollup_steps").format(
            step=sql.Literal(f"1 {part.step}"),
            rollup=sql.Identifier("fature", f"rollup_{frequency}_{part.level}"),
            bounds=bounds_of(part.since, part.before),
        )
        for frequency in frequencies
        for part in steps_of(frequency, level, since, before, known)
    )
    sources = last_values(steps, period, whole=whole)
    return (
        query("aggregate_alive")
        .format(value=query("value_last").body, sources=sources.body)
        .rendered()
    )


def last_values(steps: sql.Composable, period: Period, *, whole: bool) -> Query:
    """The last value of each series in each period of the steps, or in all of them."""
    if whole:
        return query("last_of_range").format(steps=steps)
    return query("last_of_periods").format(start=start_of_period(period), steps=steps)


def bounds_of(since: datetime | None, before: datetime | None) -> sql.Composed:
    """The conditions on buckets of what starts from `since` to before `before`."""
    bounds = []
    if since:
        bounds.append(query("rollup_since").format(since=sql.Literal(since)).body)
    if before:
        bounds.append(query("rollup_before").format(before=sql.Literal(before)).body)
    return sql.SQL(" ").join(bounds)


def _shifted(one: RollupQuery, first: int) -> str:
    """The numbers of its groups behind those of the queries before it."""
    return one.groups if not first else array_of(first + group for group in numbers_of(one.groups))


def _instant_text(instant: datetime | None, otherwise: str) -> str:
    return instant.isoformat() if instant else otherwise


def _batches_of(queries: Sequence[RollupQuery]) -> Iterator[list[RollupQuery]]:
    """Queries of a tenant for the same aggregation of the same buckets together, as long as they
    are not too many.
    """
    alike: dict[tuple[str, Buckets, Aggregation, datetime | None], list[RollupQuery]] = {}
    for one in queries:
        # Parts of what becomes one period cannot be told apart.
        since = one.since if one.buckets.whole else None
        alike.setdefault((one.tenant, one.buckets, one.aggregation, since), []).append(one)
    for (_, buckets, _, _), members in alike.items():
        members.sort(key=lambda one: one.since or EVER)
        batch: list[RollupQuery] = []
        series = 0
        for one in members:
            if batch and buckets.count(batch[0].since, series + one.count) > _BATCH_BUCKETS:
                yield batch
                batch, series = [], 0
            batch.append(one)
            series += one.count
        yield batch


def points_of(rows: Sequence[tuple[Any, ...]]) -> list[Point]:
    """The points of rows that are newest first, oldest first."""
    return [Point(_instant(start), *rest) for start, *rest in reversed(rows)]


def _by_query(
    rows: Sequence[tuple[Any, ...]], batch: Sequence[RollupQuery], firsts: Sequence[int]
) -> dict[RollupQuery, list[Point]]:
    if len(batch) == 1:
        return {batch[0]: points_of(rows)}
    found: list[list[Point]] = [[] for _ in batch]
    # By the number of a group, whose it is.
    owners = [
        (points, first)
        for points, first, following in zip(found, firsts, firsts[1:], strict=False)
        for _ in range(first, following)
    ]
    for start, number, *value in reversed(rows):
        points, first = owners[number]
        points.append(Point(_instant(start), number - first, *value))
    return {one: points[-one.limit :] for one, points in zip(batch, found, strict=True)}


@lru_cache(maxsize=MAX_ROWS)
def _instant(seconds: int) -> datetime:
    """The instant of Unix seconds. Cached, as the same few thousand hours and days recur."""
    return datetime.fromtimestamp(seconds, UTC)
