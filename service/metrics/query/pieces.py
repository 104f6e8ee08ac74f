"""Pieces: a range in as few buckets as there can be, coarse ones within and fine ones at its edges;
pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.query.ranges import Span
from sql import calendar
from sql.calendar import Period
from sql.vocabulary import LEVELS, Frequency

_COARSEST_FIRST: tuple[Period, ...] = ("week", "day")


class Piece(NamedTuple):
    """Whole buckets of a level, from `since` up to, not including, `before`, in UTC."""

    level: Period
    since: datetime
    before: datetime


def pieces_of(
    span: Span, level: Period, limits: Mapping[Period, datetime], zone: ZoneInfo
) -> Iterator[Piece]:
    """A range of whole buckets of a level; coarser ones are taken up to the limit of theirs."""
    coarser = [one for one in _COARSEST_FIRST if one != level and one in limits]
    yield from _pieces(span.since, span.before, level, coarser, limits, zone)


def _pieces(
    since: datetime,
    before: datetime,
    level: Period,
    coarser: Sequence[Period],
    limits: Mapping[Period, datetime],
    zone: ZoneInfo,
) -> Iterator[Piece]:
    if since >= before:
        return
    if not coarser:
        yield Piece(level, since, before)
        return
    coarse, *finer = coarser
    first = calendar.ceiling(since, coarse, zone).astimezone(UTC)
    end = calendar.floor(min(before, limits[coarse]), coarse, zone).astimezone(UTC)
    if first >= end:
        yield from _pieces(since, before, level, finer, limits, zone)
        return
    yield from _pieces(since, first, level, finer, limits, zone)
    yield Piece(coarse, first, end)
    yield from _pieces(end, before, level, finer, limits, zone)


def coarser_limits(
    frequencies: Sequence[Frequency], level: Period, watermarks: Mapping[str, datetime]
) -> dict[Period, datetime]:
    """Up to where rollups coarser than a level are materialised, by their level, of those that all
    frequencies have. What is computed anew is quicker read from finer ones.
    """
    found: dict[Period, datetime] = {}
    for coarse in _coarser(frequencies, level):
        known = [watermarks.get(f"rollup_{frequency}_{coarse}") for frequency in frequencies]
        if all(known):
            found[coarse] = min(one for one in known if one)
    return found


def _coarser(frequencies: Sequence[Frequency], level: Period) -> Iterator[Period]:
    for coarse in _COARSEST_FIRST:
        levels = [LEVELS[frequency] for frequency in frequencies]
        if all(
            coarse in of_one and of_one.index(coarse) > of_one.index(level) for of_one in levels
        ):
            yield coarse
