"""Filling periods without samples; pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from service.http.errors import Detail, invalid
from service.http.parameters import MAX_LIMIT
from service.metrics.query.spec import Question
from sql import calendar


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A figure: where its period starts, in UTC, the number of its group, its value. With a mean
    come the sum and the number of samples that it is of, with a last value that of its series.
    """

    start: datetime
    group: int
    value: float | None
    total: float | None = None
    of: int | None = None


def filled(cells: Sequence[Cell], question: Question, groups: int, now: datetime) -> list[Cell]:
    """Every period of the range for every group, oldest first; of more than the limit, the
    newest ones, and up to a period more.

    Without a start date from the first period that has samples; without an end date up to
    the period that `now` is in. Periods that lie ahead are never made up.
    """
    if not groups:
        return []
    fill = question.params.fill
    starts = list(_periods(cells, question, now))[-(question.params.limit // groups + 1) :]
    # Keyed by the UTC clock: to Python both halves of a repeated hour are equal in its zone.
    values = {(cell.start, cell.group): cell.value for cell in cells}
    last: list[float | None] = [None] * groups
    for (start, group), value in values.items():
        if starts and start < starts[0]:
            last[group] = value
    result = []
    for start in starts:
        for group in range(groups):
            value = values.get((start, group))
            if value is None:
                value = {"zero": 0, "previous": last[group]}.get(fill)
            last[group] = value
            result.append(Cell(start, group, value))
    return result


def _periods(cells: Sequence[Cell], question: Question, now: datetime) -> Iterator[datetime]:
    """The starts in UTC."""
    period, zone = question.params.period, question.zone
    first = question.since or (cells[0].start if cells else None)
    if first is None:
        return
    start, before = first.astimezone(UTC), question.before
    newest = [cells[-1].start] if cells else []
    end = max(each.astimezone(UTC) for each in (*newest, calendar.floor(now, period, zone)))
    count = 0
    while start <= end and (before is None or start < before):
        count += 1
        if count > MAX_LIMIT:
            message = f"Filling is possible for up to {MAX_LIMIT} periods; narrow the range"
            raise invalid([Detail(field="fill", message=message)])
        yield start
        start = calendar.following(start, period, zone).astimezone(UTC)
