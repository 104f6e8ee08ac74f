"""Answering aggregate queries: their series, then their rollups, each read once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.query.batching import Batcher
from service.metrics.query.fill import Point
from service.metrics.query.result import Group, Result
from service.metrics.query.rollups import Buckets, RollupQuery, Rollups
from service.metrics.query.selection import Series, select_series
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import AggregateQuery
from sql.calendar import Period
from sql.database import Connections, fetch_all
from sql.errors import Invalid, Problem
from sql.messages import Message, Term, Value, terms
from sql.vocabulary import FREQUENCIES, LEVELS, MAX_ROWS, NONE, Frequency
from sql.zones import Zones

# In seconds; together the second that a value may be old: what a result is computed from may
# have been selected for another query.
_SELECTION_AGE = 0.5
_RESULT_AGE = 0.5


class TooFine(Invalid):
    """No sample of the selection is as fine as the period."""


class _Selected(NamedTuple):
    """The series of a query that the level of rollups has, the number of the group of each
    beside it, and their frequencies; `omitted` are those that the level has not.
    """

    unit: str | None
    series: Sequence[Series]
    groups: Sequence[Group]
    numbers: Sequence[int]
    level: Period
    frequencies: tuple[Frequency, ...]
    omitted: Sequence[Frequency]


class Aggregates:
    """Answers aggregate queries; equal ones made at the same time share one result, and
    those about the same series their selection. Values are read from connections that may
    keep the plans of statements.
    """

    def __init__(self, reads: Connections, figures: Connections, business_zone: ZoneInfo) -> None:
        self._reads = reads
        self._selections = Batcher(partial(select_series, figures))
        self._rollups = Rollups(figures)
        self._zones = Zones(reads)
        self._business_zone = business_zone
        self._series: SingleFlight[list[Series]] = SingleFlight(max_age=_SELECTION_AGE)
        self._results: SingleFlight[Result] = SingleFlight(max_age=_RESULT_AGE)
        self._totals: SingleFlight[dict[Group, float]] = SingleFlight(max_age=_RESULT_AGE)
        self._watermarks: SingleFlight[dict[str, datetime]] = SingleFlight(max_age=1.0)

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """Drop what was computed of these metrics (tenant, name): samples of them were just
        committed here.
        """
        for metric in metrics:
            self._series.forget(metric)
            self._results.forget(metric)
            self._totals.forget(metric)

    async def result(self, query: AggregateQuery, now: datetime) -> Result:
        """The values of each period. They are at most a second old.

        Raises:
            Invalid: the selection has several units; `TooFine` for a period finer than any sample.
        """
        return await self._results.get(query.subject, query.key, lambda: self._compute(query, now))

    async def totals(self, query: AggregateQuery) -> dict[Group, float]:
        """The value of the whole range for each group with samples: not combined from those of
        its periods. At most a second old.

        Raises:
            Invalid: as `result`.
        """
        return await self._totals.get(query.subject, query.key, lambda: self._compute_totals(query))

    async def materialized_until(self, result: Result) -> datetime | None:
        """From where on every sample counts at once: where the last of its rollups is not
        materialised any more. None where nothing is.
        """
        watermarks = await self._watermarks.get((), "", self._read_watermarks)
        known = [watermarks[name] for name in result.rollups if name in watermarks]
        return max(known, default=None)

    async def _compute_totals(self, query: AggregateQuery) -> dict[Group, float]:
        selected = await self._select(query)
        points = await self._points(query, selected, whole=True)
        return {
            selected.groups[point.group]: point.value for point in points if point.value is not None
        }

    async def _select(self, query: AggregateQuery) -> _Selected:
        await self._zones.check(query.zone, datetime.now(UTC))
        level: Period = "hour" if self._from_hours(query) else query.period
        series = await self._series.get(
            query.subject,
            repr(query.selection),
            lambda: self._selections.load(query.selection),
        )
        unit = _one_unit(series, query)
        usable = [one for one in series if level in LEVELS[one.frequency]]
        if series and not usable:
            raise _too_fine(series, query, level)
        members = [tuple(one.label(name) for name in query.group_by) for one in usable]
        groups = sorted(set(members), key=repr) if query.group_by else [()]
        numbers = {group: number for number, group in enumerate(groups)}
        frequencies = _frequencies(usable)
        return _Selected(
            unit,
            usable,
            groups,
            [numbers[group] for group in members],
            level,
            frequencies,
            [one for one in _frequencies(series) if one not in frequencies],
        )

    async def _compute(self, query: AggregateQuery, now: datetime) -> Result:
        selected = await self._select(query)
        counted = Counter(selected.numbers)
        return Result(
            query,
            now,
            selected.unit,
            selected.groups,
            [counted[number] for number in range(len(selected.groups))],
            await self._points(query, selected),
            sorted(selected.omitted),
            _rollups(selected.frequencies, selected.level),
        )

    async def _points(
        self, query: AggregateQuery, selected: _Selected, *, whole: bool = False
    ) -> list[Point]:
        """Oldest first, one more than the limit; of the `whole` range one for each group."""
        if not selected.series:
            return []
        # What is carried forward may be older than the rows that are shown.
        limit = MAX_ROWS if query.fill == "previous" else query.limit
        return await self._rollups.points(
            RollupQuery(
                buckets=Buckets(
                    frequencies=selected.frequencies,
                    level=selected.level,
                    period=query.period,
                    zone=str(query.zone),
                    before=query.before,
                    whole=whole,
                ),
                since=query.since,
                aggregation=query.aggregation,
                series=[one.series_id for one in selected.series],
                groups=selected.numbers,
                limit=len(selected.groups) if whole else limit + 1,
            )
        )

    def _from_hours(self, query: AggregateQuery) -> bool:
        """Day edges of another zone than the business one are in no rollup."""
        return query.period != "hour" and query.zone != self._business_zone

    async def _read_watermarks(self) -> dict[str, datetime]:
        rows = await fetch_all(self._reads, "watermarks")
        return {row["relation"]: row["watermark"] for row in rows}


def _frequencies(series: Iterable[Series]) -> tuple[Frequency, ...]:
    """Those that occur, finest first."""
    occurring = {one.frequency for one in series}
    return tuple(one for one in FREQUENCIES if one in occurring)


def _one_unit(series: Sequence[Series], query: AggregateQuery) -> str | None:
    """The unit of the selection; different units are never mixed unless merely counted."""
    units = {one.unit for one in series}
    if len(units) == 1:
        return units.pop()
    if not units or "unit" in query.group_by or query.aggregation == "count":
        return None
    names = ", ".join(sorted(unit or NONE for unit in units))
    message = Message(
        "The selection has several units ({names}); give unit= or group_by=unit", {"names": names}
    )
    raise Invalid(Problem(message, "unit"))


def _rollups(frequencies: Iterable[Frequency], level: Period) -> Sequence[str]:
    """Those at the level, and those below that their live part is computed from."""
    return [
        f"rollup_{frequency}_{below}"
        for frequency in frequencies
        for below in LEVELS[frequency][: LEVELS[frequency].index(level) + 1]
    ]


def _too_fine(series: Sequence[Series], query: AggregateQuery, level: Period) -> TooFine:
    values: dict[str, Value] = {
        "metric": query.metric_name,
        "frequencies": terms(_frequencies(series)),
        "period": Term(query.period),
    }
    if level != query.period:
        message = Message(
            "{metric} is submitted {frequencies}: other time zones need samples per hour", values
        )
        return TooFine(Problem(message, "tz"))
    message = Message(
        "{metric} is submitted {frequencies}: there are no figures per {period}", values
    )
    return TooFine(Problem(message, "period"))
