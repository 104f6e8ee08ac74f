"""The figures of one query over a range, beside those of a range to compare with."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from service.dashboards.config import Compare, Query
from service.dashboards.ranges import axis, span_before
from service.dashboards.totals import ADDING, Values, added_up
from service.errors import ApiError, Detail, invalid
from service.query.aggregate import Group, Question, ask
from service.query.catalog import MetricEntry
from service.query.params import AggregateParams
from service.query.ranges import Span, period_for, year_before
from service.query.selection import GROUPABLE
from service.resources import Resources
from service.scope import Scope
from sql import calendar
from sql.calendar import Period

# `lines` are without totals, for charts; `total` is with the exact one and its change, but
# without the lines to compare with, for stats.
What = Literal["all", "lines", "total"]
PERIODS: tuple[Period, ...] = get_args(Period)


@dataclass(frozen=True, slots=True)
class Line:
    """One group. `values` stand at the times of its `Figures`, `before` those to compare with
    (empty: with nothing). `total` is the figure of the whole range, `total_before` of the
    other. `change` compares the periods that are over with as many before; it is a ratio.
    """

    labels: Mapping[str, str | None]
    unit: str | None
    values: Sequence[float | None]
    total: float | None
    before: Sequence[float | None] = ()
    total_before: float | None = None
    change: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """`times` are the starts of all periods up to now; `incomplete` where the last is not
    over. Lines come largest first. `answer` is what the API answers.
    """

    query: Query
    question: Question
    answer: Mapping[str, Any]
    period: Period
    times: Sequence[datetime]
    incomplete: bool
    lines: Sequence[Line]

    @property
    def has_totals(self) -> bool:
        """Whether the totals were read."""
        return any(line.total is not None for line in self.lines)

    @property
    def is_partial(self) -> bool:
        """Whether what is submitted more rarely than the period was left out."""
        return "omitted_frequencies" in self.answer

    @property
    def is_truncated(self) -> bool:
        """Whether the oldest figures were left out."""
        return bool(self.answer.get("truncated"))


async def read_figures(
    resources: Resources,
    scope: Scope,
    query: Query,
    span: Span,
    now: datetime,
    compare: Compare = "none",
    what: What = "all",
) -> Figures:
    """The figures of a query; its period ``auto`` becomes the finest that suits the range and
    the metric. Totals cover the periods that are shown; an exact one no more than the range.

    Raises:
        ApiError: 422 for what the API would refuse.
    """
    metric = await resources.catalog.entry(scope, query.metric_name)
    inquiry = _Inquiry(resources, scope, query, metric, now, what)
    if query.period != "auto":
        return await inquiry.read(span, query.period, compare)
    for period in PERIODS[PERIODS.index(period_for(span)) : -1]:
        try:
            return await inquiry.read(span, period, compare)
        except ApiError as error:
            if not _is_too_fine(error):
                raise
    return await inquiry.read(span, "month", compare)


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """What stays the same whatever the range."""

    resources: Resources
    scope: Scope
    query: Query
    metric: MetricEntry
    now: datetime
    what: What
    # Not where figures were left out.
    may_add: bool = True

    async def read(self, span: Span, period: Period, compare: Compare) -> Figures:
        zone, aggregates = self.resources.settings.zone, self.resources.aggregates
        times = axis(span, period, self.now, zone)
        incomplete = bool(times) and calendar.following(times[-1], period, zone) > self.now
        question = self.question(span, period)
        over = times[: len(times) - incomplete]
        answer, totals, compared = await asyncio.gather(
            aggregates.answer(question, self.now),
            self.totals(span, period),
            self.compared(span, period, times, compare, over),
        )
        values = _by_group(answer, self.query.group_by)
        if self.adds_up(period):
            if answer.get("truncated") or compared.is_truncated:
                return await replace(self, may_add=False).read(span, period, compare)
            totals = added_up(self.aggregation, values)
            compared = replace(compared, this_over=added_up(self.aggregation, values, over))
        unit = answer["unit"]
        lines = [
            _line(self.query, group, values.get(group, {}), times, unit, totals, compared)
            for group in sorted(values.keys() | compared.values.keys(), key=repr)
        ]
        lines.sort(key=_weight, reverse=True)
        return Figures(self.query, question, answer, period, times, incomplete, lines)

    def adds_up(self, period: Period) -> bool:
        """Whether totals are put together here instead of asking the database again."""
        is_whole = self.what == "all" or (self.what == "total" and period in ("hour", "day"))
        adds = self.aggregation in ADDING and self.query.fill == "none"
        return self.may_add and is_whole and adds

    @property
    def aggregation(self) -> str:
        return self.query.aggregation or self.metric.default_aggregation

    async def totals(self, span: Span, period: Period) -> dict[Group, float]:
        if self.what == "lines" or self.adds_up(period):
            return {}
        if self.what == "total" and period in ("week", "month"):
            try:
                return await self.resources.aggregates.totals(self.question(span, "day"))
            except ApiError as error:
                if not _is_too_fine(error):
                    raise
        return await self.resources.aggregates.totals(self.question(span, period))

    async def compared(
        self,
        span: Span,
        period: Period,
        times: Sequence[datetime],
        compare: Compare,
        over: Sequence[datetime],
    ) -> "_Compared":
        if compare == "none" or not times:
            return _Compared()
        zone = self.resources.settings.zone
        other = span_before(span, compare, zone)
        starts = axis(other, period, self.now, zone)
        if compare == "previous_year":
            starts = [calendar.floor(year_before(time, zone), period, zone) for time in times]
        starts = [start.astimezone(UTC) for start in starts[: len(times)]]
        other_over = starts[: len(over)]
        if self.adds_up(period):
            answer = await self.resources.aggregates.answer(self.question(other, period), self.now)
            values = _by_group(answer, self.query.group_by)
            return _Compared(
                starts,
                values if self.what == "all" else {},
                added_up(self.aggregation, values),
                other_over=added_up(self.aggregation, values, other_over),
                is_truncated=bool(answer.get("truncated")),
            )
        values, total, this_total, other_total = await asyncio.gather(
            self.values(other, period) if self.what != "total" else _nothing(),
            self.totals(other, period) if self.what == "all" else _nothing(),
            self.totals_of(over, period),
            self.totals_of(other_over, period),
        )
        return _Compared(starts, values, total, this_total, other_total)

    async def values(self, span: Span, period: Period) -> Mapping[Group, Values]:
        answer = await self.resources.aggregates.answer(self.question(span, period), self.now)
        return _by_group(answer, self.query.group_by)

    async def totals_of(self, starts: Sequence[datetime], period: Period) -> dict[Group, float]:
        """Of periods that follow each other."""
        if not starts or self.what == "lines":
            return {}
        end = calendar.following(starts[-1], period, self.resources.settings.zone)
        return await self.resources.aggregates.totals(self.question(Span(starts[0], end), period))

    def question(self, span: Span, period: Period) -> Question:
        """The question behind the API's parameters for the query.

        Raises:
            ApiError: 422.
        """
        labels = {name: v for name, v in self.query.filters.items() if name in GROUPABLE}
        dimensions = {n: v for n, v in self.query.filters.items() if n not in GROUPABLE}
        if unknown := sorted(dimensions.keys() - set(self.metric.dimensions)):
            message = f"{unknown[0]!r} is no dimension of {self.query.metric_name}"
            raise invalid([Detail(field="filters", message=message)])
        given = {
            "metric_name": self.query.metric_name,
            "aggregation": self.query.aggregation,
            "period": period,
            "group_by": self.query.group_by,
            "fill": self.query.fill,
            "start_date": span.since,
            "end_date": span.before - timedelta(microseconds=1),
        }
        params = AggregateParams.model_validate(labels | given)
        zone = self.resources.settings.zone
        return ask(params, dimensions, self.scope, self.metric, zone)


@dataclass(frozen=True, slots=True)
class _Compared:
    """The other range: its periods, its figures, and what is over of both."""

    starts: Sequence[datetime] = ()
    values: Mapping[Group, Values] = field(default_factory=dict)
    totals: Mapping[Group, float] = field(default_factory=dict)
    this_over: Mapping[Group, float] = field(default_factory=dict)
    other_over: Mapping[Group, float] = field(default_factory=dict)
    is_truncated: bool = False


def _line(
    query: Query,
    group: Group,
    values: Values,
    times: Sequence[datetime],
    unit: str | None,
    totals: Mapping[Group, float],
    compared: _Compared,
) -> Line:
    labels = dict(zip(query.group_by, group, strict=True))
    other = compared.values.get(group, {})
    before = [other.get(start) for start in compared.starts]
    before += [None] * (len(times) - len(before)) if compared.starts else []
    return Line(
        labels,
        labels.get("unit", unit),
        [values.get(time) for time in times],
        totals.get(group),
        before,
        compared.totals.get(group),
        _change(compared.this_over.get(group), compared.other_over.get(group)),
    )


def _weight(line: Line) -> float:
    """How large a line is, by its total where that was read."""
    if line.total is not None:
        return abs(line.total)
    return sum(abs(value) for value in line.values if value is not None)


def _change(this: float | None, before: float | None) -> float | None:
    return None if this is None or not before else (this - before) / abs(before)


def _by_group(answer: Mapping[str, Any], names: Sequence[str]) -> dict[Group, Values]:
    found: dict[Group, dict[datetime, float | None]] = {}
    for row in answer["data"]:
        start = datetime.fromisoformat(row["start"]).astimezone(UTC)
        found.setdefault(tuple(row[name] for name in names), {})[start] = row["value"]
    return dict(found)


async def _nothing() -> dict[Group, Any]:
    return {}


def _is_too_fine(error: ApiError) -> bool:
    return error.status == 422 and [detail.field for detail in error.details] == ["period"]
