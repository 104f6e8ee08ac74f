"""Answering breakdown queries: their series, then the rollups of all ranges in one statement."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.query.aggregate import Aggregates
from service.metrics.query.breakdown import (
    ADDING,
    After,
    Breakdown,
    BreakdownQuery,
    Others,
    Row,
    changes,
    matching,
    position_of,
)
from service.metrics.query.breakdown_statement import Sources, breakdown_statement
from service.metrics.query.comparison import compared_spans
from service.metrics.query.ended import known_since
from service.metrics.query.pieces import Piece, coarser_limits, pieces_of
from service.metrics.query.ranges import Span
from service.metrics.query.rollups import HOURS
from service.metrics.query.selected import Selected, TooFine
from service.metrics.query.selection import Groups
from service.metrics.query.spec import with_period
from sql import calendar
from sql.calendar import Period
from sql.database import Connections, fetch_prepared
from sql.decimals import rounded
from sql.statements import array_of, joined, repeated
from sql.vocabulary import LEVELS, Frequency

# Before it there are no samples.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
# So far ahead a sample may be.
_AHEAD = timedelta(minutes=5)


class _Found(NamedTuple):
    """The rows of the statement."""

    listed: Sequence[Any]
    others: Any
    total: Any


class Breakdowns:
    """Answers breakdown queries, from connections that may keep the plans of statements."""

    def __init__(self, aggregates: Aggregates, figures: Connections, zone: ZoneInfo) -> None:
        self._aggregates = aggregates
        self._figures = figures
        self._zone = zone

    async def breakdown(self, query: BreakdownQuery, now: datetime) -> Breakdown:
        """The page of groups that a query asks for. A metric that has no figures by hour or day is
        broken down by whole months, where no period is given.

        Raises:
            Invalid: several units have samples, or there are too many series; `TooFine` for a
                period finer than any sample.
            Busy: too many queries are read.
        """
        try:
            selected = await self._aggregates.selected(query.figures)
        except TooFine:
            if not query.any_period:
                raise
            figures = with_period(query.figures, "month")
            query = replace(query, figures=figures)
            selected = await self._aggregates.selected(query.figures)
        span = _span_of(query, now)
        baselines = self._baselines(query, span, selected, now)
        if not selected.parts:
            return Breakdown(query, None, (), Others(Row(None), 0), Row(None), 0, span, baselines)
        ranges = await self._ranges(query, selected, [span, *baselines])
        found = await self._read(query, selected, ranges, now)
        total = await self._total(query, selected, ranges, now, found)
        return _breakdown(query, selected, found, total, span, baselines)

    def _baselines(
        self, query: BreakdownQuery, span: Span, selected: Selected, now: datetime
    ) -> Sequence[Span]:
        """The ranges to compare with: as much of each as there is of the range itself."""
        if query.compare is None:
            return ()
        zone = query.figures.zone
        level = selected.level if selected.level == "minute" else _finest(selected.frequencies)
        until = calendar.ceiling(now, level, zone).astimezone(UTC)
        spans = compared_spans(query.compare, span, until, zone)
        return [_floored(one, level, zone) for one in spans]

    async def _ranges(
        self, query: BreakdownQuery, selected: Selected, spans: Sequence[Span]
    ) -> Sequence[Sequence[Piece]]:
        """The buckets of each range: of last values and of another zone than the business one of
        one level.
        """
        zone = query.figures.zone
        is_one_level = query.figures.aggregation == "last" or zone != self._zone
        watermarks = {} if is_one_level else await self._aggregates.watermarks()
        found = []
        for span in spans:
            level = _level_of(span, selected, zone)
            limits = coarser_limits(selected.frequencies, level, watermarks)
            found.append(tuple(pieces_of(span, level, limits, zone)))
        return found

    async def _read(
        self,
        query: BreakdownQuery,
        selected: Selected,
        ranges: Sequence[Sequence[Piece]],
        now: datetime,
    ) -> _Found:
        figures, count = query.figures, selected.series_count
        known = None
        if figures.aggregation == "last":
            known = known_since(now, figures.period, figures.zone)
        sources = Sources(selected.frequencies, tuple(map(tuple, ranges)))
        statement = breakdown_statement(figures.aggregation, query.order, sources, known)
        size = sum(_buckets(piece) for pieces in ranges for piece in pieces) * count
        async with self._aggregates.turn(figures.selection.tenant, size):
            rows = await fetch_prepared(self._figures, statement, _params(query, selected))
        by_part = [[row[1:] for row in rows if row[0] == part] for part in range(3)]
        return _Found(by_part[0], by_part[1][0], by_part[2][0])

    async def _total(
        self,
        query: BreakdownQuery,
        selected: Selected,
        ranges: Sequence[Sequence[Piece]],
        now: datetime,
        found: _Found,
    ) -> Row:
        """The value of all groups: none of several units. Of last values it is not that of the
        groups together, some of which may have ended before others.
        """
        if selected.unit is None and len(selected.units) > 1:
            return Row(None)
        if query.figures.aggregation != "last":
            return _row(found.total)
        whole = selected._replace(
            parts=[
                part._replace(groups=repeated("0", part.series_count)) for part in selected.parts
            ],
            groups=Groups([()]),
        )
        alone = replace(query, order="value", after=None, search="")
        return _row((await self._read(alone, whole, ranges, now)).total)


def _breakdown(
    query: BreakdownQuery,
    selected: Selected,
    found: _Found,
    total: Row,
    span: Span,
    baselines: Sequence[Span],
) -> Breakdown:
    # Of last values, groups that ended are none of the total.
    adds_up = query.figures.aggregation in ADDING and total.value == found.total[2]
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


def _params(query: BreakdownQuery, selected: Selected) -> dict[str, object]:
    wanted = matching(selected.groups, query.search)
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


def _span_of(query: BreakdownQuery, now: datetime) -> Span:
    """The range of a query, of unlimited ones as far as there can be samples."""
    figures = query.figures
    if figures.before is None:
        end = calendar.ceiling(now + _AHEAD, figures.period, figures.zone).astimezone(UTC)
    else:
        end = figures.before
    since = figures.since or _FIRST
    return Span(since, max(since, end), query.unit, whole=query.is_whole)


def _finest(frequencies: Sequence[Frequency]) -> Period:
    """The finest level down to the hour that all of them have."""
    levels: tuple[Period, ...] = ("hour", "day", "week", "month")
    return next(
        level for level in levels if all(level in LEVELS[frequency] for frequency in frequencies)
    )


def _floored(span: Span, level: Period, zone: ZoneInfo) -> Span:
    """The span in whole buckets of a level."""
    return Span(
        calendar.floor(span.since, level, zone).astimezone(UTC),
        calendar.floor(span.before, level, zone).astimezone(UTC),
    )


def _level_of(span: Span, selected: Selected, zone: ZoneInfo) -> Period:
    """The level whose buckets make up a range: that of the selection, or a finer one where the
    range ends within its buckets.
    """
    if _floored(span, selected.level, zone) == Span(span.since, span.before):
        return selected.level
    days = _floored(span, "day", zone) == Span(span.since, span.before)
    has_days = all("day" in LEVELS[frequency] for frequency in selected.frequencies)
    return "day" if days and has_days else _finest(selected.frequencies)


def _buckets(piece: Piece) -> float:
    return (piece.before - piece.since).total_seconds() / 3600 / HOURS[piece.level]
