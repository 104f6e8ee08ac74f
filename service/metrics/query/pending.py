"""Samples that came late and wait for the next refresh: until then rollups do not have them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from psycopg import sql

from retention.policies import SOURCE
from service.metrics.query.ranges import Span
from service.metrics.query.selected import Selected
from sql import calendar
from sql.calendar import Period
from sql.database import Connections, fetch_all
from sql.statements import joined, query
from sql.vocabulary import LEVELS, Frequency, Level

# Of more samples in a stretch it is assumed that some are late: to count them takes too long.
_MOST = 200_000
# Of more stretches of a rollup the time between them is looked at as well.
_STRETCHES = 10
_INSTANT = timedelta(microseconds=1)


class Pending(NamedTuple):
    """A stretch in which a rollup lacks samples, from `since` to `until`, both in it."""

    relation: str
    since: datetime
    until: datetime


class Stretch(NamedTuple):
    """Whole buckets of a rollup, in UTC, that may lack samples."""

    frequency: Frequency
    level: Level
    since: datetime
    before: datetime


class LateSamples:
    """Finds out whether figures lack samples that were acknowledged."""

    def __init__(self, reads: Connections, zone: ZoneInfo) -> None:
        self._reads = reads
        self._zone = zone

    async def pending(self) -> list[Pending]:
        """Where rollups wait for a refresh, whatever metric it is for."""
        rows = await fetch_all(self._reads, "pending")
        return [Pending(row["relation"], row["since"], row["until"]) for row in rows]

    async def lack(
        self, selected: Selected, pending: Iterable[Pending], spans: Sequence[Span]
    ) -> bool:
        """Whether rollups of these series lack samples within any of the spans."""
        for stretch in stretches(selected.frequencies, selected.level, pending, spans, self._zone):
            if await self._lacks(stretch, selected):
                return True
        return False

    async def _lacks(self, stretch: Stretch, selected: Selected) -> bool:
        frequency, level, since, before = stretch
        if level == LEVELS[frequency][0]:
            samples = _relation("sample", frequency)
            source = query("number_of_samples").format(source=samples)
        else:
            below = _relation("rollup", frequency, SOURCE[level])
            source = query("number_in_rollup").format(source=below)
        rollup = query("number_in_rollup").format(source=_relation("rollup", frequency, level))
        statement = query("lacks_samples").format(source=source.body, rollup=rollup.body)
        series = joined(part.series for part in selected.parts if part.frequency == frequency)
        params = {"series": series, "since": since, "before": before, "most": _MOST}
        (row,) = await fetch_all(self._reads, statement, params)
        return bool(row["lacks"])


def stretches(
    frequencies: Sequence[Frequency],
    level: Period,
    pending: Iterable[Pending],
    spans: Sequence[Span],
    zone: ZoneInfo,
) -> Iterator[Stretch]:
    """Whole buckets, of the rollups that figures of a level are computed from, in which samples of
    any of these spans may be missing; pure.
    """
    rollups: dict[str, tuple[Frequency, Level]] = {
        f"rollup_{frequency}_{below}": (frequency, below)
        for frequency in frequencies
        for below in LEVELS[frequency][: LEVELS[frequency].index(level) + 1]
        # Months are made of days.
        if below != "week" or level == "week"
    }
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for one in pending:
        if one.relation in rollups:
            ranges = found.setdefault(one.relation, [])
            ranges += _buckets(one, spans, rollups[one.relation][1], zone)
    for relation, ranges in found.items():
        yield from (Stretch(*rollups[relation], *edges) for edges in _merged(ranges))


def _buckets(
    pending: Pending, spans: Sequence[Span], level: Period, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    for span in spans:
        since = max(pending.since, span.since)
        until = min(pending.until, span.before - _INSTANT)
        if since <= until:
            last = calendar.floor(until, level, zone)
            yield (
                calendar.floor(since, level, zone).astimezone(UTC),
                calendar.following(last, level, zone).astimezone(UTC),
            )


def _merged(ranges: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same without overlaps; of very many one that holds them all."""
    merged: list[tuple[datetime, datetime]] = []
    for since, before in sorted(ranges):
        if merged and since <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(before, merged[-1][1])
        else:
            merged.append((since, before))
    return merged if len(merged) <= _STRETCHES else [(merged[0][0], merged[-1][1])]


def _relation(*names: str) -> sql.Identifier:
    return sql.Identifier("fature", "_".join(names))
