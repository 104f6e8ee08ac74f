"""Reading the figures of one query over a range, beside those of a range to compare with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple, ParamSpec, TypeVar

from service.metrics.catalog import MetricEntry
from service.metrics.query.beside import beside
from service.metrics.query.ranges import (
    Span,
    period_a_year_before,
    period_days_before,
    period_for,
    previous,
    span_between,
)
from service.metrics.query.result import Result
from service.metrics.query.selected import TooFine
from service.metrics.query.selection import Group
from service.metrics.query.spec import AggregateQuery, aggregate_query
from service.metrics.query.totals import combine
from service.panels.config import Compare, Query
from service.panels.figures import Figures, Line, change, figures_of, values_at, weight
from service.panels.ranges import axis, preceding
from service.runtime.resources import Resources
from sql import calendar
from sql.calendar import Period
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope

# `lines` are without totals, for charts; `total` is with the exact one and its change, but
# without the lines to compare with, for stats.
What = Literal["all", "lines", "total"]
# Of `auto`, finest first.
AUTOMATIC: tuple[Period, ...] = ("hour", "day", "week", "month")
# Of a query that is looked at; the CSV and the API have all.
MAX_GROUPS = 24
# Of the CSV of a page.
EXPORT_ROWS = 100_000
Read = TypeVar("Read")
P = ParamSpec("P")
# The comparisons with the same of a day some days before.
DAYS_BEFORE = {"previous_day": 1, "previous_week": 7}
# Ranges of whole days may begin and end within them.
_LONGER_THAN_DAYS = ("week", "month", "quarter", "year")
# Nothing is compared with what nobody can ask for.
_FIRST = datetime(1899, 12, 31, tzinfo=UTC)


async def read_figures(
    resources: Resources,
    scope: Scope,
    query: Query,
    metric: MetricEntry,
    span: Span,
    now: datetime,
    compare: Compare = "none",
    what: What = "all",
) -> Figures:
    """The figures of a query of that metric; its period ``auto`` becomes the finest that suits
    the range and the metric. Totals cover the periods that are shown; an exact one no more than
    the range.

    Raises:
        Invalid: as for the API.
    """
    inquiry = _Inquiry(resources, scope, query, metric, now, what)
    return await _finest(query, span, lambda period: inquiry.read(span, period, compare))


async def read_everything(
    resources: Resources,
    scope: Scope,
    query: Query,
    metric: MetricEntry,
    span: Span,
    now: datetime,
) -> Result:
    """The result of a query with all groups and periods, up to `EXPORT_ROWS`.

    Raises:
        Invalid: as for the API.
    """
    inquiry = _Inquiry(resources, scope, query, metric, now, "lines")

    async def read(period: Period) -> Result:
        spec = replace(inquiry.spec(span, period), limit=EXPORT_ROWS, most_groups=None)
        return await resources.aggregates.result(spec, now)

    return await _finest(query, span, read)


async def _finest(query: Query, span: Span, read: Callable[[Period], Awaitable[Read]]) -> Read:
    """The result of `read` for the period of a query; for ``auto``, for the finest period that
    there are figures of.
    """
    if query.period != "auto":
        return await read(query.period)
    for period in AUTOMATIC[AUTOMATIC.index(period_for(span)) : -1]:
        try:
            return await read(period)
        except TooFine:
            continue
    return await read("month")


class Totals(NamedTuple):
    """By group: of the periods that are shown, of those they are compared with, and of the ones
    of both that are over.
    """

    total: Mapping[Group, float]
    total_before: Mapping[Group, float]
    compared: Mapping[Group, float]
    compared_before: Mapping[Group, float]


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """A query with everything but its range, which `read` takes."""

    resources: Resources
    scope: Scope
    query: Query
    metric: MetricEntry
    now: datetime
    what: What

    async def read(self, span: Span, period: Period, compare: Compare) -> Figures:
        times = axis(span, period, self.now, self.resources.settings.zone)
        other, starts = self.before(span, period, compare, times)
        if other and other.since < _FIRST:
            raise Invalid(Problem(Message("Use a year from 1900 to 2999"), "start_date"))
        shown, other_shown = self.span_of(times, period), self.span_of(starts, period)
        seen = [one for one in (shown, other_shown) if one]
        # Asked before and after the values: a refresh may end, or samples come, in between.
        is_pending = await self.lacks_samples(span, period, seen)
        result, before = await self.results(span, other, period)
        await self.computed(_put_together, result, before)
        total, total_before, compared = await asyncio.gather(
            self.total_of_range(span, period, shown, result),
            self.total(other_shown, period, before) if self.what == "all" else _none(),
            self.compared(span, period, compare, result, before),
        )
        is_pending = is_pending or await self.lacks_samples(span, period, seen)
        totals = Totals(total, total_before, *compared)
        return await self.computed(
            self.figures, times, starts, result, before, totals, is_pending=is_pending
        )

    async def computed(
        self, function: Callable[P, Read], *args: P.args, **kwargs: P.kwargs
    ) -> Read:
        """Its result; of many groups computed beside the event loop."""
        if self.query.group_by:
            return await beside(function, *args, **kwargs)
        return function(*args, **kwargs)

    def figures(
        self,
        times: Sequence[datetime],
        starts: Sequence[datetime],
        result: Result,
        before: Result | None,
        totals: Totals,
        *,
        is_pending: bool,
    ) -> Figures:
        """A line for each group, the largest first; `starts` are the periods to compare with."""
        values, values_before = result.by_group, before.by_group if before else {}
        # Periods without a counterpart in the other range are compared with nothing.
        others = [*starts, *[None] * (len(times) - len(starts))] if starts else []
        this, other = totals.compared, totals.compared_before
        lines = [
            Line(
                labels=dict(zip(self.query.group_by, group, strict=True)),
                unit=result.unit_of(group),
                values=values_at(values, group, times),
                total=totals.total.get(group),
                before=values_at(values_before, group, others),
                total_before=totals.total_before.get(group),
                change=None if is_pending else change(this.get(group), other.get(group)),
                compared=this.get(group),
                compared_before=other.get(group),
            )
            # A range that lies ahead can have samples, but has no periods yet.
            for group in sorted(values.keys() | values_before.keys() if times else (), key=repr)
        ]
        lines.sort(key=weight, reverse=True)
        return figures_of(self.query, result, self.now, times, lines, is_pending=is_pending)

    async def lacks_samples(self, span: Span, period: Period, seen: Sequence[Span]) -> bool:
        """Whether samples within what is seen do not count yet."""
        query = self.spec(span, period)
        return await self.resources.aggregates.lacks_samples(query, seen)

    def before(
        self, span: Span, period: Period, compare: Compare, times: Sequence[datetime]
    ) -> tuple[Span | None, Sequence[datetime]]:
        """The range to compare with, if any, and the starts of its periods, one for each in
        `times` as far as there are.
        """
        if compare == "none" or not times:
            return None, []
        zone = self.resources.settings.zone
        if compare == "previous_period" and (span.unit or period not in _LONGER_THAN_DAYS):
            other = previous(span, zone)
            return other, axis(other, period, self.now, zone)[: len(times)]
        if compare == "previous_period":
            # Whole weeks or longer, none of which is in both ranges.
            number = len(axis(span, period, span.before, zone))
            starts = preceding(times[0], period, number, zone)[: len(times)]
        elif compare == "previous_year":
            starts = [period_a_year_before(time, period, zone) for time in times]
        else:
            days = DAYS_BEFORE[compare]
            starts = [period_days_before(time, days, period, zone) for time in times]
        return self.span_of(starts, period), starts

    async def results(
        self, span: Span, other: Span | None, period: Period
    ) -> tuple[Result, Result | None]:
        """Of a range and of the other: one to both where one range follows the other."""
        if other is None:
            return await self.result(span, period), None
        if other.before == span.since and self.query.fill == "none" and not self.query.group_by:
            both = await self.result(Span(other.since, span.before), period)
            if both.is_whole:
                return both, both
        if self.query.group_by:
            # With the groups of the range itself, which may not be the largest of the other.
            this = await self.result(span, period)
            return this, await self.result(other, period, this)
        return await asyncio.gather(self.result(span, period), self.result(other, period))

    async def result(self, span: Span, period: Period, like: Result | None = None) -> Result:
        return await self.resources.aggregates.result(self.spec(span, period, like), self.now)

    async def compared(
        self,
        span: Span,
        period: Period,
        compare: Compare,
        result: Result,
        before: Result | None,
    ) -> tuple[dict[Group, float], dict[Group, float]]:
        """Of the periods that are over and of as many before: of the same days as
        `total_of_range`, where there are figures by day.
        """
        if self.what == "total" and period in _LONGER_THAN_DAYS and before:
            with suppress(TooFine):
                this, other = self.over(span, "day", compare)
                totals = self.resources.aggregates.totals
                return await asyncio.gather(
                    totals(self.spec(this, "day", result)) if this else _none(),
                    totals(self.spec(other, "day", before)) if other else _none(),
                )
        this, other = self.over(span, period, compare)
        return await asyncio.gather(
            self.total(this, period, result), self.total(other, period, before)
        )

    def over(self, span: Span, period: Period, compare: Compare) -> tuple[Span | None, Span | None]:
        """The periods of a range that are over, and as many of the one to compare with."""
        zone = self.resources.settings.zone
        times = axis(span, period, self.now, zone)
        _, starts = self.before(span, period, compare, times)
        incomplete = bool(times) and calendar.following(times[-1], period, zone) > self.now
        # A shorter month, say, has fewer periods.
        number = min(len(times) - incomplete, len(starts))
        return self.span_of(times[:number], period), self.span_of(starts[:number], period)

    async def total_of_range(
        self, span: Span, period: Period, shown: Span | None, result: Result
    ) -> dict[Group, float]:
        """For one figure alone exactly that of the range, where there are figures by day; else
        that of the periods that are shown.
        """
        if self.what == "total" and period in _LONGER_THAN_DAYS:
            with suppress(TooFine):
                return await self.resources.aggregates.totals(self.spec(span, "day", result))
        return await self.total(shown, period, result)

    async def total(
        self, span: Span | None, period: Period, result: Result | None
    ) -> dict[Group, float]:
        """Of whole periods, combined from their result where that gives the same."""
        if span is None or result is None or self.what == "lines":
            return {}
        if (known := combine(result, span)) is not None:
            return known
        return await self.resources.aggregates.totals(self.spec(span, period, result))

    def span_of(self, starts: Sequence[datetime], period: Period) -> Span | None:
        """The range of periods that follow each other."""
        if not starts:
            return None
        end = calendar.following(starts[-1], period, self.resources.settings.zone)
        return span_between(starts[0], end)

    def spec(self, span: Span, period: Period, like: Result | None = None) -> AggregateQuery:
        """The query over that range, of the groups of another result if there is one.

        Raises:
            Invalid: an unknown dimension or group.
        """
        query = self.query
        return aggregate_query(
            self.metric,
            self.scope,
            self.resources.settings.zone,
            filters=query.filters,
            aggregation=query.aggregation,
            period=period,
            since=span.since,
            before=span.before,
            group_by=query.group_by,
            fill=query.fill,
            units="main",
            most_groups=MAX_GROUPS,
            only_groups=like.kept_groups if like else None,
        )


def _put_together(*results: Result | None) -> None:
    for result in results:
        if result is not None:
            _ = result.by_group


async def _none() -> dict[Group, float]:
    return {}
