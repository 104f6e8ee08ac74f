"""Filling periods without samples; pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from service.errors import Detail, invalid
from service.query.params import MAX_LIMIT, AggregateParams
from sql import calendar


class Cell(NamedTuple):
    """A figure: where its period starts, the number of its group, its value."""

    start: datetime
    group: int
    value: float | None


class _Question(Protocol):
    @property
    def params(self) -> AggregateParams: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def since(self) -> datetime | None: ...
    @property
    def before(self) -> datetime | None: ...


def filled(cells: Sequence[Cell], question: _Question, groups: int, now: datetime) -> list[Cell]:
    """Every period of the range for every group, oldest first.

    Without a start date from the first period that has samples; without an end date up to
    the period that `now` is in. Periods that lie ahead are never made up.
    """
    fill = question.params.fill
    values = {(cell.start, cell.group): cell.value for cell in cells}
    last: list[float | None] = [None] * groups
    result = []
    for start in _periods(cells, question, now):
        for group in range(groups):
            value = values.get((start, group))
            if value is None:
                value = {"zero": 0, "previous": last[group]}.get(fill)
            last[group] = value
            result.append(Cell(start, group, value))
    return result


def _periods(cells: Sequence[Cell], question: _Question, now: datetime) -> Iterator[datetime]:
    period, zone = question.params.period, question.zone
    start = question.since or (cells[0].start if cells else None)
    if start is None:
        return
    end = max([cell.start for cell in cells[-1:]] + [calendar.floor(now, period, zone)])
    count = 0
    while start <= end and (question.before is None or start < question.before):
        count += 1
        if count > MAX_LIMIT:
            message = f"Filling is possible for up to {MAX_LIMIT} periods; narrow the range"
            raise invalid([Detail(field="fill", message=message)])
        yield start
        start = calendar.following(start, period, zone)
