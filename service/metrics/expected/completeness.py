"""Completeness: of the series that usually report by then, how many have."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from service.metrics.query.aggregate import Aggregates
from service.metrics.query.rollups import bounds_of
from service.metrics.query.selected import Selected
from service.metrics.query.selection import Group
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.calendar import Period
from sql.database import Connections, fetch_all
from sql.statements import numbers_of, query, samples_of, union_all
from sql.vocabulary import Frequency

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a series did at the same time of so many days before is what it usually does, if it did so
# in the half of them; fewer days than the least say nothing.
_DAYS = 14
_LEAST = 3
_USUAL = 0.5
# More series and times than that are not looked at.
_MOST_CELLS = 500_000
_MOST_SERIES = 500
# Of the hour under way: when series came first in it on so many days before.
_DAYS_BY_THEN = 7
# What is finer than a day reports by the hour, the rest by the day.
_HOURLY: tuple[Frequency, ...] = ("real_time", "hourly")

_CELLS: Mapping[Period, tuple[Frequency, ...]] = {"hour": _HOURLY, "day": ("daily",)}

Shares = Mapping[tuple[Group, datetime], float]


class _Cells(NamedTuple):
    """Hours or days (`step`) from `since` on: `present` says by series and cell whether it
    reported, `group` the number of the group of each series.
    """

    since: datetime
    step: timedelta
    group: "NDArray[Any]"
    present: "NDArray[Any]"


class Reporters:
    """Knows who reported when."""

    def __init__(self, aggregates: Aggregates, reads: Connections) -> None:
        self._aggregates = aggregates
        self._reads = reads

    async def completeness(
        self, figures: AggregateQuery, starts: Sequence[datetime], now: datetime
    ) -> Shares:
        """How complete each period is in each group, 0 to 1, by the starts of periods, the oldest
        first; those of which nobody knows who usually reports are left out. Of many series
        nothing is known.
        """
        if not starts:
            return {}
        selected = await self._aggregates.own.selected(figures)
        end = calendar.following(starts[-1], figures.period, figures.zone).astimezone(UTC)
        shares: dict[tuple[int, datetime], list[float]] = {}
        for step, frequencies in _CELLS.items():
            cells = await self._cells(selected, step, frequencies, starts[0], min(end, now))
            if cells is not None:
                await asyncio.to_thread(_count, cells, figures, starts, now, shares)
        if figures.period == "hour" and starts[-1] <= now < end:
            await self._note_under_way(selected, starts[-1], now, shares)
        return {
            (selected.groups[group], start): min(have / usual, 1.0)
            for (group, start), (have, usual) in shares.items()
            if usual
        }

    async def _cells(
        self,
        selected: Selected,
        step: Period,
        frequencies: Sequence[Frequency],
        first: datetime,
        end: datetime,
    ) -> _Cells | None:
        """The cells that are over by `end`, with those of the days before; None without series."""
        parts = [part for part in selected.parts if part.frequency in frequencies]
        series = [number for part in parts for number in numbers_of(part.series)]
        length = timedelta(hours=1) if step == "hour" else timedelta(days=1)
        since = first - timedelta(days=_DAYS)
        count = int((end - since + length / 4) // length)
        if not series or count <= 0 or len(series) * count > _MOST_CELLS:
            return None
        sources = union_all(
            query("rollup_source").format(
                rollup=sql.Identifier("fature", f"rollup_{frequency}_{step}"),
                bounds=bounds_of(since, end),
            )
            for frequency in sorted({part.frequency for part in parts})
        )
        statement = query("reports_of_series").format(sources=sources)
        rows = await fetch_all(self._reads, statement, {"series": series})
        groups = _groups_of(selected)
        return await asyncio.to_thread(_laid, rows, series, groups, since, length, count)

    async def _note_under_way(
        self,
        selected: Selected,
        start: datetime,
        now: datetime,
        shares: dict[tuple[int, datetime], list[float]],
    ) -> None:
        """Of the hour under way: who usually had reported by this minute of it, and has."""
        if selected.series_count > _MOST_SERIES:
            return
        days = [start - timedelta(days=number) for number in range(_DAYS_BY_THEN + 1)]
        elapsed = (now - start).total_seconds()
        groups = _groups_of(selected)
        for frequency in _HOURLY:
            parts = [part for part in selected.parts if part.frequency == frequency]
            series = [number for part in parts for number in numbers_of(part.series)]
            if not series:
                continue
            statement = query("first_reports").format(samples=samples_of(frequency))
            hour = timedelta(hours=1)
            params = {"series": series, "starts": days, "ends": [day + hour for day in days]}
            for row in await fetch_all(self._reads, statement, params):
                by_then = {
                    number
                    for number, delay in zip(row["days"], row["delays"], strict=True)
                    if delay <= elapsed
                }
                usual = len(by_then - {1}) / _DAYS_BY_THEN
                if usual >= _USUAL:
                    share = shares.setdefault((groups[row["series_id"]], start), [0.0, 0.0])
                    share[0] += usual if 1 in by_then else 0.0
                    share[1] += usual


def _groups_of(selected: Selected) -> dict[int, int]:
    """The number of the group of each series."""
    return {
        series: group
        for part in selected.parts
        for series, group in zip(numbers_of(part.series), numbers_of(part.groups), strict=True)
    }


def _laid(
    rows: Sequence[Mapping[str, Any]],
    series: Sequence[int],
    groups: Mapping[int, int],
    since: datetime,
    step: timedelta,
    count: int,
) -> _Cells:
    # Imported where it is used first: numpy takes as long to import as the rest of the service.
    import numpy as np

    present = np.zeros((len(series), count), dtype=bool)
    place = {number: row for row, number in enumerate(series)}
    seconds, first = step.total_seconds(), since.timestamp()
    for row in rows:
        # Days of summer and winter time begin an hour apart.
        cells = np.round((np.array(row["buckets"]) - first) / seconds).astype(int)
        present[place[row["series_id"]], cells[(cells >= 0) & (cells < count)]] = True
    return _Cells(since, step, np.array([groups[number] for number in series]), present)


def _count(
    cells: _Cells,
    figures: AggregateQuery,
    starts: Sequence[datetime],
    now: datetime,
    shares: dict[tuple[int, datetime], list[float]],
) -> None:
    """Add up, by group and period, how much usually reports, and how much of it has."""
    import numpy as np

    usual = _usual(cells)
    have = np.where(cells.present, usual, 0.0)
    for start in starts:
        end = calendar.following(start, figures.period, figures.zone).astimezone(UTC)
        first = round((start - cells.since) / cells.step)
        last = min(int((min(end, now) - cells.since) / cells.step + 0.25), usual.shape[1])
        if first >= last:
            continue
        totals = [np.bincount(cells.group, of[:, first:last].sum(axis=1)) for of in (have, usual)]
        for group in np.flatnonzero(totals[1]).tolist():
            share = shares.setdefault((group, start), [0.0, 0.0])
            share[0] += float(totals[0][group])
            share[1] += float(totals[1][group])


def _usual(cells: _Cells) -> "NDArray[Any]":
    """The share of the days before on which a series reported at that time, from its first report
    on; 0 where it usually does not, or not on that day of the week.
    """
    import numpy as np

    day = round(timedelta(days=1) / cells.step)
    present = cells.present
    began = np.logical_or.accumulate(present, axis=1)
    reported, known = np.zeros((2, *present.shape))
    # In the first week nobody knows.
    weekday = np.arange(present.shape[1])[None, :] < 7 * day
    weekday = np.repeat(weekday, len(present), axis=0)
    for back in range(1, _DAYS + 1):
        shift = back * day
        if shift >= present.shape[1]:
            break
        reported[:, shift:] += present[:, :-shift]
        known[:, shift:] += began[:, :-shift]
        if back % 7 == 0:
            weekday[:, shift:] |= present[:, :-shift] | ~began[:, :-shift]
    share = np.where(known >= _LEAST, reported / np.maximum(known, 1), 0.0)
    return np.where((share >= _USUAL) & weekday, share, 0.0)
