"""Reconciliation: the values of a metric against those of another system, to the cent or, of
ratios, the millionth.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.query.aggregate import Aggregates
from service.metrics.query.result import Result, check_nobody_missing
from service.metrics.query.selection import Group
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.calendar import Period
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.vocabulary import ADDING, MAX_ROWS, Kind

# Smaller differences are none: less than half of it.
_CENT, _STEP_OF_RATIOS = Decimal("0.01"), Decimal("0.000001")


class Place(NamedTuple):
    """A period, by its start in UTC, and a group."""

    start: datetime
    group: Group


@dataclass(frozen=True, slots=True)
class Expected:
    """What another system has for a period and group; None: it does not say which, but one of the
    two it does.
    """

    value: float | None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two differ, in the value or in the number of samples. None: there is none, or the
    other system does not say; differences are by how much this one has more.
    """

    place: Place
    expected: Expected | None
    actual: float | None
    actual_count: int | None
    step: Decimal

    @property
    def by(self) -> float | None:
        """In the value, in whole steps."""
        if self.expected is None or self.expected.value is None or self.actual is None:
            return None
        return float(_difference(self.actual, self.expected.value, self.step))

    @property
    def count_by(self) -> int | None:
        """In the number of samples."""
        if self.expected is None or self.expected.count is None or self.actual_count is None:
            return None
        return self.actual_count - self.expected.count

    @property
    def is_none(self) -> bool:
        """Whether the two agree."""
        if self.expected is None:
            return self.actual is None
        if self.expected.value is not None and (self.actual is None or self.by):
            return False
        return not (self.expected.count is not None and self.count_by)


class Reconciliation(NamedTuple):
    """How many places agree, and where the others differ, oldest first."""

    matching: int
    differences: list[Difference]


async def reconcile(
    aggregates: Aggregates,
    query: AggregateQuery,
    kind: Kind,
    expected: Mapping[Place, Expected],
    now: datetime,
) -> Reconciliation:
    """Compare a metric of that kind from the first to the last expected period. What is there and
    is not expected differs, too; where nothing is, sums and numbers of samples are 0.

    Raises:
        Invalid: there are more values than are read at once, or as `Aggregates.result`.
    """
    if query.derivation:
        message = Message("It is derived: reconcile the metrics of its formula")
        raise Invalid(Problem(message, "metric_name"))
    starts = [place.start for place in expected]
    end = calendar.following(max(starts), query.period, query.zone).astimezone(UTC)
    query = replace(query, since=min(starts), before=end)
    values, counts = await asyncio.gather(
        aggregates.result(query, now),
        aggregates.result(replace(query, aggregation="count"), now),
    )
    check_nobody_missing(values)
    check_nobody_missing(counts)
    if not (values.is_whole and counts.is_whole):
        message = Message(
            "There are more than {number} values in that range; narrow the range or group by less",
            {"number": MAX_ROWS},
        )
        raise Invalid(Problem(message, "expected"))
    step = _STEP_OF_RATIOS if kind == "ratio" else _CENT
    compared = list(_compared(query, step, expected, _by_place(values), _by_place(counts)))
    differences = [one for one in compared if not one.is_none]
    return Reconciliation(len(compared) - len(differences), differences)


def start_of_label(text: str, period: Period, zone: ZoneInfo) -> datetime | None:
    """The start, in UTC, of the period that answers call so; None where there is none."""
    try:
        if period in ("minute", "hour"):
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                return None
        else:
            instant = calendar.day_start(calendar.first_day_of(text, period), zone)
        start = instant.astimezone(UTC)
        known = 1900 <= start.year <= 2999
        first = known and calendar.floor(start, period, zone).astimezone(UTC) == start
    except (ValueError, OverflowError):
        return None
    return start if first else None


def _compared(
    query: AggregateQuery,
    step: Decimal,
    expected: Mapping[Place, Expected],
    values: Mapping[Place, float | None],
    counts: Mapping[Place, float | None],
) -> Iterator[Difference]:
    nothing = 0.0 if query.aggregation in ADDING else None
    for place in sorted({*expected, *values}, key=_order):
        value = values.get(place, nothing if place in expected else None)
        yield Difference(place, expected.get(place), value, int(counts.get(place) or 0), step)


def _order(place: Place) -> tuple[datetime, Sequence[str]]:
    return place.start, [label or "" for label in place.group]


def _by_place(result: Result) -> dict[Place, float | None]:
    return {Place(one.start, result.groups[one.group]): one.value for one in result.points}


def _difference(actual: float, expected: float, step: Decimal) -> Decimal:
    """Between the decimals that two doubles stand for, in whole steps."""
    exact = Decimal(f"{actual:.15g}") - Decimal(f"{expected:.15g}")
    return exact.quantize(step, ROUND_HALF_EVEN) if abs(exact) < 10**20 else exact
