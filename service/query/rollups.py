"""Reading rollups. What is asked about the same buckets at the same time, such as by the panels of
a dashboard, is read in one statement: planning it takes as long as reading some thousand buckets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from psycopg import sql
from psycopg.rows import DictRow

from service.query.batching import Batcher
from service.query.fill import Cell
from service.query.params import Aggregation
from sql.calendar import Period
from sql.database import Connections, fetch_all
from sql.queries import Query, query, union_all
from sql.rollups import Frequency

# Buckets. More are quicker read side by side, on connections of their own.
_TOGETHER = 20_000
_HOURS: dict[Period, int] = {"hour": 1, "day": 24, "week": 168, "month": 720}


@dataclass(frozen=True, slots=True)
class Buckets:
    """Those of the rollups of some frequencies at a level, from `since` up to, not including,
    `before` (None: all), put together into periods of `zone`. The `whole` range is one period.
    """

    frequencies: tuple[Frequency, ...]
    level: Period
    period: Period
    zone: str
    since: datetime | None
    before: datetime | None
    whole: bool = False

    def count(self, series: int) -> float:
        """About how many of so many series there are."""
        if self.since is None:
            return float("inf")
        hours = ((self.before or datetime.now(UTC)) - self.since).total_seconds() / 3600
        return series * hours / _HOURS[self.level]


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """The newest `limit` figures of some series, each in the group of the number beside it."""

    buckets: Buckets
    aggregation: Aggregation
    series: Sequence[int]
    groups: Sequence[int]
    limit: int


class Rollups:
    """Reads figures."""

    def __init__(self, reads: Connections) -> None:
        self._reads = reads
        self._batches = Batcher(self._read, _lots)

    async def cells(self, wanted: Wanted) -> list[Cell]:
        """The figures with samples, oldest first."""
        return await self._batches.ask(wanted)

    async def _read(self, lot: Sequence[Wanted]) -> dict[Wanted, list[Cell]]:
        """The cells of each, all of the same buckets."""
        buckets, limit = lot[0].buckets, sum(one.limit for one in lot)
        figures = tuple(sorted({one.aggregation for one in lot}))
        put_together = buckets.level != buckets.period
        statement = _statement(
            figures, buckets.frequencies, buckets.level, put_together, buckets.whole
        )
        # Groups are numbered through.
        firsts = [0]
        for one in lot:
            firsts.append(firsts[-1] + max(one.groups) + 1)
        values = {
            "series": [series for one in lot for series in one.series],
            "groups": [
                first + group
                for first, one in zip(firsts, lot, strict=False)
                for group in one.groups
            ],
            "since": buckets.since or "-infinity",
            "before": buckets.before or "infinity",
            "limit": limit,
            "period": buckets.period,
            "zone": buckets.zone,
        }
        rows = await fetch_all(self._reads, statement, values)
        if len(lot) > 1 and len(rows) == limit:
            # Some may have been left out that another had no use for.
            return {one: (await self._read([one]))[one] for one in lot}
        return _shared_out(rows, lot, firsts)


@cache
def _statement(
    figures: tuple[Aggregation, ...],
    frequencies: tuple[Frequency, ...],
    level: Period,
    put_together: bool,
    whole: bool,
) -> Query:
    """Kept, as putting it together takes longer than sending it."""

    def source(frequency: Frequency) -> Query:
        rollup = sql.Identifier("fature", f"rollup_{frequency}_{level}")
        rows = query("rollup_source").format(rollup=rollup)
        return query("rollup_source_in_zone").format(hours=rows.body) if put_together else rows

    sources: sql.Composable = union_all(source(frequency) for frequency in frequencies)
    if whole:
        sources = query("rollup_source_whole").format(periods=sources).body
    return (
        query("aggregate")
        .format(
            figures=sql.SQL(", ").join(query(f"figure_{name}").body for name in figures),
            sources=sources,
        )
        .rendered()
    )


def _lots(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Those of the same buckets together, as long as they are not too many."""
    lots: dict[Buckets, list[Wanted]] = {}
    counts: dict[Buckets, float] = {}
    for one in wanted:
        count = one.buckets.count(len(one.series))
        lot = lots.setdefault(one.buckets, [])
        if lot and counts[one.buckets] + count > _TOGETHER:
            yield lot
            lot = lots[one.buckets] = []
            counts[one.buckets] = 0
        lot.append(one)
        counts[one.buckets] = counts.get(one.buckets, 0) + count
    yield from lots.values()


def _shared_out(
    rows: Sequence[DictRow], lot: Sequence[Wanted], firsts: Sequence[int]
) -> dict[Wanted, list[Cell]]:
    found: list[list[Cell]] = [[] for _ in lot]
    # By the number of a group, whose it is and where its figure stands.
    owners = [
        (cells.append, first, one.aggregation, f"{one.aggregation}_total", f"{one.aggregation}_of")
        for one, cells, first, following in zip(lot, found, firsts, firsts[1:], strict=False)
        for _ in range(first, following)
    ]
    for row in reversed(rows):
        number = row["group_number"]
        append, first, value, total, of = owners[number]
        start = row["bucket"].astimezone(UTC)
        append(Cell(start, number - first, row[value], row.get(total), row.get(of)))
    return {one: cells[-one.limit :] for one, cells in zip(lot, found, strict=True)}
