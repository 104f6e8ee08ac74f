"""Filling periods without samples; pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.vocabulary import MAX_ROWS


class Point(msgspec.Struct, frozen=True, gc=False):
    """A value: where its period starts, in UTC, the number of its group, the value itself. With a
    mean come the sum and the number of samples that it is of, with a last value that of its series.
    """

    start: datetime
    group: int
    value: float | None
    total: float | None = None
    number: int | None = None


def filled(
    points: Sequence[Point], query: AggregateQuery, groups: int, now: datetime
) -> list[Point]:
    """Every period of the range for every group, oldest first; of more than the limit, the
    newest ones, and up to a period more.

    Without a start date from the first period that has samples; without an end date up to
    the period that `now` is in. Periods that lie ahead are never made up.

    Raises:
        Invalid: there are more periods than can be filled.
    """
    if not groups:
        return []
    starts = list(_periods(points, query, now))[-(query.limit // groups + 1) :]
    # Keyed by the UTC clock: to Python both halves of a repeated hour are equal in its zone.
    values = {(point.start, point.group): point.value for point in points}
    last: list[float | None] = [None] * groups
    for (start, group), value in values.items():
        if starts and start < starts[0]:
            last[group] = value
    result = []
    for start in starts:
        for group in range(groups):
            value = values.get((start, group))
            if value is None:
                value = {"zero": 0, "previous": last[group]}.get(query.fill)
            last[group] = value
            result.append(Point(start, group, value))
    return result


def _periods(points: Sequence[Point], query: AggregateQuery, now: datetime) -> Iterator[datetime]:
    """The starts in UTC."""
    period, zone = query.period, query.zone
    first = query.since or (points[0].start if points else None)
    if first is None:
        return
    start, before = first.astimezone(UTC), query.before
    newest = [points[-1].start] if points else []
    end = max(each.astimezone(UTC) for each in (*newest, calendar.floor(now, period, zone)))
    count = 0
    while start <= end and (before is None or start < before):
        count += 1
        if count > MAX_ROWS:
            message = Message(
                "Filling is possible for up to {number} periods; narrow the range",
                {"number": MAX_ROWS},
            )
            raise Invalid(Problem(message, "fill"))
        yield start
        start = calendar.following(start, period, zone).astimezone(UTC)
