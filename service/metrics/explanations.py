"""Explaining changes of metrics: leaves from breakdowns, their causes found in a thread."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.breakdowns import Breakdowns
from service.metrics.catalog import MetricEntry
from service.metrics.explanation.contributions import Account, Cause, account_of, value_of
from service.metrics.explanation.leaves import Amounts, Leaves
from service.metrics.query.breakdown import Breakdown, BreakdownQuery
from service.metrics.query.ranges import Span, days_or_hours
from service.metrics.query.selected import TooFine
from service.metrics.query.spec import AggregateQuery, Units, aggregate_query, with_period
from sql import calendar
from sql.calendar import Period
from sql.errors import Busy, Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import LABELS, NONE, Aggregation, Comparison

MAX_LEAVES = 20_000
MAX_DIMENSIONS = 12
_PENDING_SECONDS = 60
_PERIODS: tuple[Period, ...] = ("minute", "hour", "day", "month")
# No groups make them up.
UNEXPLAINED = frozenset[Aggregation]({"min", "max"})


@dataclass(frozen=True, slots=True)
class ExplanationQuery:
    """The change of a metric from what `span` is compared with; `filters` are labels and
    dimensions, `dimensions` those that may account for it (None: all that no filter says).
    """

    metric: MetricEntry
    scope: Scope
    zone: ZoneInfo
    span: Span
    compare: Comparison
    aggregation: Aggregation | None = None
    filters: Mapping[str, str | None] | None = None
    dimensions: Sequence[str] | None = None
    units: Units = "one"


class Explanation(NamedTuple):
    """The account of a change over `span`, that the query's was widened to, in whole `period`s;
    `leaves` is the number of combinations of labels that it is made of.
    """

    account: Account
    query: AggregateQuery
    unit: str | None
    span: Span
    baselines: Sequence[Span]
    leaves: int


class Explanations:
    """Explains changes, one at a time, so that requests for figures are not held up."""

    def __init__(self, breakdowns: Breakdowns) -> None:
        self._breakdowns = breakdowns
        self._lock = asyncio.Lock()

    async def explanation(self, query: ExplanationQuery, now: datetime) -> Explanation:
        """The account of a change.

        Raises:
            Invalid: smallest or largest values, which no groups make up; too many combinations of
                labels; or as `Breakdowns.breakdown`.
            Busy: too many queries are read, or acknowledged samples do not count yet.
        """
        figures = _figures(query)
        if figures.aggregation in UNEXPLAINED:
            message = Message("Smallest and largest values are not made up of those of groups")
            raise Invalid(Problem(message, "aggregation"))
        if figures.aggregation != "avg":
            found = await self._finest(query, figures, now)
            leaves = _leaves(found)
            ends = found.total.value, found.total.baseline
        else:
            found = await self._finest(query, replace(figures, aggregation="sum"), now)
            numbers = await self._read(query, _numbers(found), now)
            leaves = _ratios(found, numbers)
            everything = range(len(leaves.labels))
            ends = value_of(leaves.after, everything), value_of(leaves.before, everything)
        causes = await self._causes(leaves)
        return Explanation(
            account_of(leaves, causes, *ends),
            replace(found.query.figures, aggregation=figures.aggregation),
            found.unit,
            found.span,
            found.baselines,
            len(leaves.labels),
        )

    async def _finest(
        self, query: ExplanationQuery, figures: AggregateQuery, now: datetime
    ) -> Breakdown:
        """By the coarsest period that the range is made of, or that there are figures of."""
        periods = _periods(query.span, query.zone)
        for period in periods[:-1]:
            # Minutes are not kept for long.
            missing = Invalid if period == "minute" else TooFine
            try:
                return await self._read(query, with_period(figures, period), now)
            except missing:
                continue
        return await self._read(query, with_period(figures, periods[-1]), now)

    async def _read(
        self, query: ExplanationQuery, figures: AggregateQuery, now: datetime
    ) -> Breakdown:
        wanted = BreakdownQuery(figures, query.compare, "name", MAX_LEAVES)
        found = await self._breakdowns.breakdown(wanted, now)
        if found.groups > MAX_LEAVES:
            message = Message(
                "There are {number} combinations of labels, of which {most} can be looked at: "
                "name fewer dimensions or add filters",
                {"number": found.groups, "most": MAX_LEAVES},
            )
            raise Invalid(Problem(message, "dimensions"))
        if found.is_pending:
            raise Busy(Message("Late samples are not counted yet"), _PENDING_SECONDS)
        return found

    async def _causes(self, leaves: Leaves) -> list[Cause]:
        async with self._lock:
            return await asyncio.to_thread(_causes_of, leaves)


def _figures(query: ExplanationQuery) -> AggregateQuery:
    """The selection in its leaves, by minute: its range is not widened yet."""
    filters = query.filters or {}
    names = query.dimensions
    return aggregate_query(
        query.metric,
        query.scope,
        query.zone,
        filters=filters,
        aggregation=query.aggregation,
        period="minute",
        since=query.span.since,
        before=query.span.before,
        group_by=dimensions_of(query.metric, filters) if names is None else names,
        units=query.units,
    )


def _numbers(sums: Breakdown) -> AggregateQuery:
    """How many samples those sums are of: none of other units, which numbers are of, too."""
    figures, selection = sums.query.figures, sums.query.figures.selection
    if sums.unit is not None or sums.units_left_out:
        filters = {**selection.filters, "unit": sums.unit or NONE}
        selection = replace(selection, filters=filters)
    return replace(figures, selection=selection, aggregation="count")


def _periods(span: Span, zone: ZoneInfo) -> Sequence[Period]:
    """The coarsest period that a range is made of, and those that it can be widened to."""
    hours = all(edge == calendar.floor(edge, "hour", zone).astimezone(UTC) for edge in span[:2])
    first = days_or_hours(span.since, span.before, zone) if hours else "minute"
    return _PERIODS[_PERIODS.index(first) :]


def _leaves(found: Breakdown) -> Leaves:
    rows = [row for _, row in found.rows]
    return Leaves(
        found.query.figures.group_by,
        [group for group, _ in found.rows],
        Amounts([row.baseline or 0.0 for row in rows]),
        Amounts([row.value or 0.0 for row in rows]),
    )


def _ratios(sums: Breakdown, numbers: Breakdown) -> Leaves:
    """The leaves of a mean: sums of samples over how many there are."""
    total, number = _leaves(sums), _leaves(numbers)
    known = {group: at for at, group in enumerate(number.labels)}
    order = [known.get(group) for group in total.labels]
    return replace(
        total,
        before=total.before._replace(numbers=_ordered(number.before.sums, order)),
        after=total.after._replace(numbers=_ordered(number.after.sums, order)),
    )


def _ordered(values: Sequence[float], order: Sequence[int | None]) -> list[float]:
    """Those at some places; 0 where samples came in between two statements."""
    return [0.0 if at is None else values[at] for at in order]


def _causes_of(leaves: Leaves) -> list[Cause]:
    # Imported where it is used first: numpy takes as long to import as the rest of the service.
    from service.metrics.explanation.causes import causes_of

    return causes_of(leaves)


def dimensions_of(metric: MetricEntry, filters: Mapping[str, str | None]) -> list[str]:
    """The labels and dimensions that no filter says."""
    return [name for name in (*LABELS, *metric.dimensions) if filters.get(name) is None]
