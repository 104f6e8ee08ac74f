"""The figures of one query over a range, beside those of a range to compare with; pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.metrics.query.result import Result
from service.metrics.query.selection import Group
from service.panels.config import Query
from sql import calendar
from sql.calendar import Period
from sql.vocabulary import NONE, Aggregation, Frequency

Values = Mapping[datetime, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One group. `values` stand at the times of its `Figures`, `before` those to compare with
    (empty: with nothing). `total` is the figure of the whole range, `total_before` of the
    other. `change` is the ratio of `compared`, the figure of the periods that are over, to
    `compared_before`, that of as many before; None while samples of either wait for a refresh.
    """

    labels: Mapping[str, str | None]
    unit: str | None
    values: Sequence[float | None]
    total: float | None
    before: Sequence[float | None] = ()
    total_before: float | None = None
    change: float | None = None
    compared: float | None = None
    compared_before: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """`times` are the starts of all periods up to now; `incomplete` where the last is not
    over; `is_pending` where samples of what is shown or compared wait for a refresh. Lines come
    largest first, of very many groups only the largest; `group_count` are those with samples.
    `omitted` are frequencies too coarse for the period, `units_left_out` units that have samples in
    the range and do not count; where `is_truncated` the oldest were left out. All but the last
    `open_periods` are closed (None: none is). `missing_members` of a hub did not answer.
    """

    query: Query
    aggregation: Aggregation
    period: Period
    times: Sequence[datetime]
    incomplete: bool
    lines: Sequence[Line]
    is_pending: bool = False
    omitted: Sequence[Frequency] = ()
    units_left_out: Sequence[str] = ()
    group_count: int = 0
    is_truncated: bool = False
    open_periods: int | None = None
    missing_members: Sequence[str] = ()

    @property
    def has_totals(self) -> bool:
        """Whether the totals were read."""
        return any(line.total is not None for line in self.lines)

    @property
    def is_partial(self) -> bool:
        """Whether what is submitted more rarely than the period was left out."""
        return bool(self.omitted)


def figures_of(
    query: Query,
    result: Result,
    now: datetime,
    times: Sequence[datetime],
    lines: Sequence[Line],
    *,
    is_pending: bool,
) -> Figures:
    """The lines of a result with what else there is to know of it. Of one that is truncated only
    the periods of which everything is there.
    """
    period, zone = result.query.period, result.query.zone
    figures = Figures(
        query=query,
        aggregation=result.query.aggregation,
        period=period,
        times=times,
        incomplete=bool(times) and calendar.following(times[-1], period, zone) > now,
        lines=lines,
        is_pending=is_pending,
        omitted=result.omitted,
        units_left_out=[unit or NONE for unit in result.units_left_out],
        group_count=result.group_count or len(lines),
        is_truncated=result.is_truncated,
        open_periods=_number_open(result, times),
        missing_members=result.missing_members,
    )
    return without_cut(figures, result.shown[0].start) if result.is_truncated else figures


def _number_open(result: Result, times: Sequence[datetime]) -> int | None:
    closed, period, zone = result.closed_before, result.query.period, result.query.zone
    if closed is None:
        return None
    return sum(calendar.following(start, period, zone) > closed for start in times)


def without_cut(figures: Figures, first: datetime) -> Figures:
    """Only the periods of which everything is there, behind the first one that was cut off."""
    cut = bisect_right(figures.times, first)
    lines = [
        replace(line, values=line.values[cut:], before=line.before[cut:]) for line in figures.lines
    ]
    return replace(figures, times=figures.times[cut:], lines=lines)


def weight(line: Line) -> float:
    """How large a line is, by its total where that was read."""
    if line.total is not None:
        return abs(line.total)
    return sum(abs(value) for value in line.values if value is not None)


def change(this: float | None, before: float | None) -> float | None:
    """The change as a ratio; None where there is nothing to compare with."""
    return None if this is None or not before else (this - before) / abs(before)


def values_at(
    values: Mapping[Group, Values], group: Group, times: Sequence[datetime | None]
) -> list[float | None]:
    """The values of a group at those times."""
    of_group = values.get(group, {})
    return [of_group.get(time) if time else None for time in times]
