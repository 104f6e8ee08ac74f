"""Answering breakdown queries: their series, then the rollups of all ranges in one statement."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.label_names import Names
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.beside import beside
from service.metrics.query.breakdown import (
    SHARED,
    After,
    Breakdown,
    BreakdownQuery,
    Others,
    Row,
    changes,
    matching,
    position_of,
)
from service.metrics.query.breakdown_ranges import (
    finest_level,
    floored,
    level_of,
    span_of_query,
)
from service.metrics.query.breakdown_statement import (
    Kept,
    Sources,
    breakdown_statement,
    settled_statement,
)
from service.metrics.query.comparison import compared_spans
from service.metrics.query.ended import Since, known_since
from service.metrics.query.pieces import Piece, Pieces, limits_of, pieces_of
from service.metrics.query.ranges import Span
from service.metrics.query.rollups import HOURS, VERY_MANY
from service.metrics.query.selected import Selected, TooFine
from service.metrics.query.selection import Groups
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import with_period
from sql import calendar
from sql.calendar import Period
from sql.database import Connections, fetch_prepared
from sql.decimals import rounded
from sql.statements import array_of, joined, repeated

_HOUR = timedelta(hours=1)
# Of what is materialised, in seconds.
_MAX_AGE = 60.0
# So many are made beside the event loop: they would keep everybody else waiting.
_MANY_ROWS = 1000


class _Found(NamedTuple):
    """The rows of the statement."""

    listed: Sequence[Any]
    others: Any
    total: Any


class _Reading(NamedTuple):
    """The buckets to read of each range, what others of it come to, and of last values from when
    on it is known when series ended.
    """

    ranges: Sequence[tuple[Piece, ...]]
    kept: Sequence[Kept | None]
    known: Since | None


class Breakdowns:
    """Answers breakdown queries, from connections that may keep the plans of statements. Searched
    are values of labels and the names that a tenant has for them.
    """

    def __init__(
        self,
        aggregates: Aggregates,
        figures: Connections,
        zone: ZoneInfo,
        names_of: Callable[[str], Names] = lambda _: {},
    ) -> None:
        self._aggregates = aggregates
        self._names_of = names_of
        self._figures = figures
        self._zone = zone
        # Not forgotten with new samples: what is materialised does not have them.
        self._settled: SingleFlight[Kept] = SingleFlight(max_age=_MAX_AGE, finished=True)

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """Drop what is kept of these metrics (tenant, name): samples of them were corrected."""
        for metric in metrics:
            self._settled.forget(metric)

    async def breakdown(self, query: BreakdownQuery, now: datetime) -> Breakdown:
        """The page of groups that a query asks for. A metric that has no figures by hour or day is
        broken down by whole months, where no period is given.

        Raises:
            Invalid: several units have samples, there are too many series, or a hub is asked about
                members; `TooFine` for a period finer than any sample.
            Busy: too many queries are read.
        """
        query = replace(query, figures=self._aggregates.own_part(query.figures))
        try:
            selected = await self._aggregates.selected(query.figures)
        except TooFine:
            if not query.any_period:
                raise
            figures = with_period(query.figures, "month")
            query = replace(query, figures=figures)
            selected = await self._aggregates.selected(query.figures)
        span = span_of_query(query, now)
        baselines = self._baselines(query, span, selected, now)
        if not selected.parts:
            return Breakdown(query, None, (), Others(Row(None), 0), Row(None), 0, span, baselines)
        spans = [span, *baselines]
        reading = await self._reading(query, selected, spans, now)
        found = await self._read(query, selected, reading)
        total = await self._total(query, selected, reading, found)
        parts = (query, selected, found, total, span, baselines)
        few = len(found.listed) < _MANY_ROWS
        made = _breakdown(*parts) if few else await beside(_breakdown, *parts)
        if baselines and await self._aggregates.lacks_samples(query.figures, spans):
            return made.without_changes()
        return made

    def _baselines(
        self, query: BreakdownQuery, span: Span, selected: Selected, now: datetime
    ) -> Sequence[Span]:
        """The ranges to compare with: as much of each as there is of the range itself."""
        if query.compare is None:
            return ()
        zone = query.figures.zone
        level = selected.level if selected.level == "minute" else finest_level(selected.frequencies)
        until = calendar.ceiling(now, level, zone).astimezone(UTC)
        spans = compared_spans(query.compare, span, until, zone)
        return [floored(one, level, zone) for one in spans]

    async def _reading(
        self, query: BreakdownQuery, selected: Selected, spans: Sequence[Span], now: datetime
    ) -> _Reading:
        """What is read of each range: of last values and of another zone than the business one,
        buckets of one level.
        """
        figures = query.figures
        if figures.aggregation == "last":
            known = known_since(now, figures.period, figures.zone)
            ranges = [_pieces(span, selected, {}, figures.zone).all for span in spans]
            return _Reading(ranges, [None] * len(spans), known)
        is_business = figures.zone == self._zone
        watermarks = await self._aggregates.watermarks() if is_business else {}
        limits = limits_of(selected.frequencies, watermarks)
        parts = [_pieces(span, selected, limits, figures.zone) for span in spans]
        kept = [await self._keep(query, selected, one.settled) for one in parts]
        ranges = [one.live if by else one.all for one, by in zip(parts, kept, strict=True)]
        return _Reading(ranges, kept, None)

    async def _keep(
        self, query: BreakdownQuery, selected: Selected, settled: tuple[Piece, ...]
    ) -> Kept | None:
        """What very many buckets that are materialised come to, at most a minute ago; None of
        fewer.
        """
        figures, size = query.figures, _size(settled, selected)
        if size < VERY_MANY:
            return None
        # Which series of a selection are read depends on the period, the groups and the unit, too.
        read = [(part.unit, part.frequency) for part in selected.parts]
        key = repr((figures.selection, read, figures.aggregation, settled))
        return await self._settled.get(
            figures.subject, key, lambda: self._settle(query, selected, settled, size)
        )

    async def _settle(
        self, query: BreakdownQuery, selected: Selected, settled: tuple[Piece, ...], size: float
    ) -> Kept:
        figures = query.figures
        statement = settled_statement(figures.aggregation, selected.frequencies, settled)
        params = {"series": joined(part.series for part in selected.parts)}
        async with self._aggregates.turn(figures.selection.tenant, size):
            (row,) = await fetch_prepared(self._figures, statement, params)
        return Kept(*row)

    async def _read(self, query: BreakdownQuery, selected: Selected, reading: _Reading) -> _Found:
        figures = query.figures
        kept = tuple(one is not None for one in reading.kept)
        sources = Sources(selected.frequencies, tuple(reading.ranges), kept)
        statement = breakdown_statement(figures.aggregation, query.order, sources, reading.known)
        names = self._names_of(figures.selection.tenant)
        params = _params(query, selected, names)
        for number, one in enumerate(reading.kept):
            params |= one.params(number) if one else {}
        size = sum(_size(pieces, selected) for pieces in reading.ranges)
        async with self._aggregates.turn(figures.selection.tenant, size):
            rows = await fetch_prepared(self._figures, statement, params)
        by_part = [[row[1:] for row in rows if row[0] == part] for part in range(3)]
        return _Found(by_part[0], by_part[1][0], by_part[2][0])

    async def _total(
        self,
        query: BreakdownQuery,
        selected: Selected,
        reading: _Reading,
        found: _Found,
    ) -> Row:
        """The value of all groups: none of several units, but of numbers of samples. Of last values
        it is not that of the groups together, some of which may have ended before others.
        """
        aggregation = query.figures.aggregation
        if len(selected.units) > 1 and aggregation != "count":
            return Row(None)
        if aggregation != "last":
            return _row(found.total)
        whole = selected._replace(
            parts=[
                part._replace(groups=repeated("0", part.series_count)) for part in selected.parts
            ],
            groups=Groups([()]),
        )
        alone = replace(query, order="value", after=None, search="")
        return _row((await self._read(alone, whole, reading)).total)


def _breakdown(
    query: BreakdownQuery,
    selected: Selected,
    found: _Found,
    total: Row,
    span: Span,
    baselines: Sequence[Span],
) -> Breakdown:
    # Of last values, groups that ended are none of the total.
    adds_up = query.figures.aggregation in SHARED and total.value == found.total[2]
    whole = total.value if adds_up else None
    listed = [(selected.groups[row[1]], _row(row, whole)) for row in found.listed]
    following = found.others[0]
    last = found.listed[-1] if following else None
    others = _row(found.others, whole) if total.value is not None else Row(None)
    return Breakdown(
        query,
        None if query.figures.aggregation == "count" else selected.unit,
        listed,
        Others(others, following),
        total._replace(share=1.0 if whole else None),
        found.total[0],
        span,
        baselines,
        last and After(last[4], selected.groups[last[1]]),
        sorted(selected.omitted),
        selected.units_left_out,
    )


def _row(found: Any, total: float | None = None) -> Row:
    """A row of the statement behind its first two columns; its share of the total, if that has
    any.
    """
    value, baseline = found[2:4]
    change, percent = changes(value, baseline)
    share = rounded(value / total) if total and value is not None else None
    return Row(value, baseline, change, percent, share)


def _params(query: BreakdownQuery, selected: Selected, names: Names) -> dict[str, object]:
    wanted = matching(selected.groups, query, names)
    key, group = None, None
    if query.after:
        key, group = position_of(query.after, query, selected.groups)
    return {
        "series": joined(part.series for part in selected.parts),
        "groups": joined(part.groups for part in selected.parts),
        "wanted": None if wanted is None else array_of(wanted),
        "goes_on": query.after is not None,
        "after_key": key,
        "after_group": group,
        "limit": query.limit,
    }


def _pieces(
    span: Span, selected: Selected, limits: Mapping[Period, datetime], zone: ZoneInfo
) -> Pieces:
    return pieces_of(span, level_of(span, selected, zone), limits, zone)


def _size(pieces: Sequence[Piece], selected: Selected) -> float:
    """About how many buckets they are."""
    hours = ((one.before - one.since) / _HOUR / HOURS[one.level] for one in pieces)
    return selected.series_count * sum(hours)
