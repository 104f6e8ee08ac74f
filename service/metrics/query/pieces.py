"""Pieces: a range in as few buckets as there can be, coarse ones within and fine ones at its edges,
apart by whether they are materialised; pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.query.ranges import Span
from sql import calendar
from sql.calendar import Period
from sql.vocabulary import LEVELS, Frequency

# Without months: what of their rollup is not materialised takes long to compute.
_COARSEST_FIRST: tuple[Period, ...] = ("week", "day", "hour")


class Piece(NamedTuple):
    """Whole buckets of a level, from `since` up to, not including, `before`, in UTC."""

    level: Period
    since: datetime
    before: datetime


class Pieces(NamedTuple):
    """Those of a range: `settled` ones change only where samples come late or are corrected."""

    settled: tuple[Piece, ...]
    live: tuple[Piece, ...]

    @property
    def all(self) -> tuple[Piece, ...]:
        """Both."""
        return self.settled + self.live


def pieces_of(
    span: Span, level: Period, limits: Mapping[Period, datetime], zone: ZoneInfo
) -> Pieces:
    """A range of whole buckets of a level; `limits` say up to where levels are materialised. Beyond
    that it is quicker read from finer ones.
    """
    if level not in limits:
        return Pieces((), (Piece(level, span.since, span.before),))
    levels = [one for one in _COARSEST_FIRST if one in limits]
    found = list(_pieces(span.since, span.before, levels, limits, zone))
    return Pieces(
        tuple(one for one in found if one.before <= limits[one.level]),
        tuple(one for one in found if one.before > limits[one.level]),
    )


def _pieces(
    since: datetime,
    before: datetime,
    levels: Sequence[Period],
    limits: Mapping[Period, datetime],
    zone: ZoneInfo,
) -> Iterator[Piece]:
    if since >= before:
        return
    level, *finer = levels
    first = calendar.ceiling(since, level, zone).astimezone(UTC)
    end = calendar.floor(min(before, limits[level]), level, zone).astimezone(UTC)
    if not finer:
        edge = min(max(since, end), before)
        yield from (
            Piece(level, *one) for one in ((since, edge), (edge, before)) if one[0] < one[1]
        )
    elif first >= end:
        yield from _pieces(since, before, finer, limits, zone)
    else:
        yield from _pieces(since, first, finer, limits, zone)
        yield Piece(level, first, end)
        yield from _pieces(end, before, finer, limits, zone)


def limits_of(
    frequencies: Sequence[Frequency], watermarks: Mapping[str, datetime]
) -> dict[Period, datetime]:
    """Up to where the rollups of each level are materialised that all frequencies have; their
    weeks are Monday's.
    """
    found: dict[Period, datetime] = {}
    for level in _COARSEST_FIRST:
        if level == "week" and calendar.days_before_monday():
            continue
        known = [watermarks.get(f"rollup_{frequency}_{level}") for frequency in frequencies]
        if all(level in LEVELS[one] for one in frequencies) and all(known):
            found[level] = min(one for one in known if one)
    return found
