"""``GET /api/metrics/aggregate``: one figure per period and group."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from service.errors import ApiError, Detail, invalid
from service.query.batching import Batcher
from service.query.catalog import MetricEntry
from service.query.fill import Cell, filled
from service.query.params import MAX_LIMIT, AggregateParams, Aggregation
from service.query.periods import named_period
from service.query.rollups import Buckets, Rollups, Wanted
from service.query.selection import (
    GROUPABLE,
    Selection,
    Series,
    by_frequency,
    select_series,
    selection_of,
)
from service.query.single_flight import SingleFlight
from service.responses import utc_instant
from service.scope import Scope
from sql import calendar
from sql.calendar import Period
from sql.database import Connections, fetch_all
from sql.rollups import LEVELS, Frequency

Group = tuple[str | None, ...]

# In seconds; together the second that a figure may be old: what an answer is computed from may
# have been selected for another question.
_SELECTION_AGE = 0.25
_ANSWER_AGE = 0.75


@dataclass(frozen=True, slots=True)
class Question:
    """A validated aggregate request; equal questions have equal answers."""

    selection: Selection
    params: AggregateParams
    aggregation: Aggregation
    zone: ZoneInfo
    since: datetime | None
    before: datetime | None

    @property
    def subject(self) -> tuple[str, str]:
        """The metric, within its tenant."""
        return self.selection.tenant, self.params.metric_name

    @property
    def key(self) -> str:
        """What makes this question the same as another: of its range only the periods."""
        params = self.params
        return repr(
            (
                self.selection,
                self.aggregation,
                params.period,
                params.group_by,
                params.fill,
                params.limit,
                str(self.zone),
                self.since and self.since.astimezone(UTC),
                self.before and self.before.astimezone(UTC),
            )
        )


@dataclass(frozen=True)
class Answer:
    """The figures of a question as of `now`; shared by all who ask it, so not to be changed.

    `sizes` are how many series each group has. `cells` are those with samples, oldest first;
    where there are more than the limit, one more than it. `omitted` are frequencies too coarse
    for the period, `rollups` the relations that the figures are computed from.
    """

    question: Question
    now: datetime
    unit: str | None
    groups: Sequence[Group]
    sizes: Sequence[int]
    cells: Sequence[Cell]
    omitted: Sequence[Frequency]
    rollups: Sequence[str]

    @cached_property
    def shown(self) -> Sequence[Cell]:
        """The figures within the limit, with periods without samples as the question wants
        them.

        Raises:
            ApiError: 422 for more periods than can be filled.
        """
        return self._filled[-self.question.params.limit :]

    @property
    def is_whole(self) -> bool:
        """Whether every period with samples is among the cells."""
        return len(self.cells) <= self.question.params.limit

    @property
    def is_truncated(self) -> bool:
        """Whether the oldest of what is shown was left out."""
        return len(self._filled) > self.question.params.limit

    @property
    def is_under_way(self) -> bool:
        """Whether the last period with samples is not over."""
        params, zone = self.question.params, self.question.zone
        ends = (calendar.following(one.start, params.period, zone) for one in self.cells[-1:])
        return any(end > self.now for end in ends)

    @cached_property
    def by_group(self) -> Mapping[Group, Mapping[datetime, float | None]]:
        """What is shown of each group that has any, by the start of the period in UTC.

        Raises:
            ApiError: as `shown`.
        """
        found: dict[Group, dict[datetime, float | None]] = {}
        for cell in self.shown:
            found.setdefault(self.groups[cell.group], {})[cell.start] = cell.value
        return found

    @cached_property
    def body(self) -> Mapping[str, Any]:
        """What the API answers, but for how far it is materialised.

        Raises:
            ApiError: as `shown`.
        """
        params = self.question.params
        labels = [dict(zip(params.group_by, group, strict=True)) for group in self.groups]
        body: dict[str, Any] = {
            "success": True,
            "data": [_row(self.question, cell, labels, self.now) for cell in self.shown],
            "aggregation": self.question.aggregation,
            "period": params.period,
            "metric_name": params.metric_name,
            "unit": self.unit,
            "timezone": str(self.question.zone),
        }
        if self.omitted:
            body["omitted_frequencies"] = self.omitted
        if self.is_truncated:
            body["truncated"] = True
        return body

    @cached_property
    def _filled(self) -> Sequence[Cell]:
        if self.question.params.fill == "none":
            return self.cells
        return filled(self.cells, self.question, len(self.groups), self.now)


class _Selection(NamedTuple):
    """The series of a question; `usable` are those that the level of rollups has."""

    unit: str | None
    series: Sequence[Series]
    usable: Sequence[Series]
    groups: Sequence[Group]
    level: Period


class Aggregates:
    """Answers aggregate questions; equal ones asked at the same time share one answer, and
    those about the same series their selection.
    """

    def __init__(self, reads: Connections, business_zone: ZoneInfo) -> None:
        self._reads = reads
        self._selections = Batcher(partial(select_series, reads))
        self._rollups = Rollups(reads)
        self._business_zone = business_zone
        self._series: SingleFlight[list[Series]] = SingleFlight(max_age=_SELECTION_AGE)
        self._answers: SingleFlight[Answer] = SingleFlight(max_age=_ANSWER_AGE)
        self._totals: SingleFlight[dict[Group, float]] = SingleFlight(max_age=_ANSWER_AGE)
        self._watermarks: SingleFlight[dict[str, datetime]] = SingleFlight(max_age=1.0)

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """Samples of these metrics (tenant, name) were just committed here: what was
        computed before does not count them.
        """
        for metric in metrics:
            self._series.forget(metric)
            self._answers.forget(metric)
            self._totals.forget(metric)

    async def answer(self, question: Question, now: datetime) -> Answer:
        """The figures of each period. They are at most a second old.

        Raises:
            ApiError: 422 for several units, or a period finer than any sample.
        """
        return await self._answers.get(
            question.subject, question.key, lambda: self._compute(question, now)
        )

    async def totals(self, question: Question) -> dict[Group, float]:
        """The figure of the whole range for each group with samples: not put together from
        those of its periods. At most a second old.

        Raises:
            ApiError: as `answer`.
        """
        return await self._totals.get(
            question.subject, question.key, lambda: self._compute_totals(question)
        )

    async def materialized_until(self, answer: Answer) -> str | None:
        """From where on every sample counts at once: where the last of its rollups is not
        materialised any more.
        """
        watermarks = await self._watermarks.get((), "", self._read_watermarks)
        known = [watermarks[name] for name in answer.rollups if name in watermarks]
        return utc_instant(max(known)) if known else None

    async def _compute_totals(self, question: Question) -> dict[Group, float]:
        selection = await self._select(question)
        cells = await self._cells(question, selection, whole=True)
        return {
            selection.groups[cell.group]: cell.value for cell in cells if cell.value is not None
        }

    async def _select(self, question: Question) -> _Selection:
        params = question.params
        level: Period = "hour" if self._from_hours(question) else params.period
        series = await self._series.get(
            question.subject,
            repr(question.selection),
            lambda: self._selections.ask(question.selection),
        )
        unit = _one_unit(series, question)
        usable = [one for one in series if level in LEVELS[one.frequency]]
        if series and not usable:
            raise _too_fine(series, question, level)
        groups = sorted({_group_of(one, params.group_by) for one in usable}, key=repr)
        return _Selection(unit, series, usable, groups if params.group_by else [()], level)

    async def _compute(self, question: Question, now: datetime) -> Answer:
        selection = await self._select(question)
        cells = await self._cells(question, selection)
        unit, series, usable, groups, level = selection
        omitted = {one.frequency for one in series} - {one.frequency for one in usable}
        return Answer(
            question,
            now,
            unit,
            groups,
            _sizes(usable, groups, question.params.group_by),
            cells,
            sorted(omitted),
            _rollups(usable, level),
        )

    async def _cells(
        self, question: Question, selection: _Selection, *, whole: bool = False
    ) -> list[Cell]:
        """Oldest first, one more than the limit; of the `whole` range one for each group."""
        _, _, usable, groups, level = selection
        if not usable:
            return []
        params = question.params
        numbers = {group: number for number, group in enumerate(groups)}
        # What is carried forward may be older than the rows that are shown.
        limit = MAX_LIMIT if params.fill == "previous" else params.limit
        return await self._rollups.cells(
            Wanted(
                buckets=Buckets(
                    frequencies=tuple(frequency for frequency, _ in by_frequency(usable)),
                    level=level,
                    period=params.period,
                    zone=str(question.zone),
                    before=question.before,
                    whole=whole,
                ),
                since=question.since,
                aggregation=question.aggregation,
                series=[one.series_id for one in usable],
                groups=[numbers[_group_of(one, params.group_by)] for one in usable],
                limit=len(groups) if whole else limit + 1,
            )
        )

    def _from_hours(self, question: Question) -> bool:
        """Day edges of another zone than the business one are in no rollup."""
        return question.params.period != "hour" and question.zone != self._business_zone

    async def _read_watermarks(self) -> dict[str, datetime]:
        rows = await fetch_all(self._reads, "watermarks")
        return {row["relation"]: row["watermark"] for row in rows}


def ask(
    params: AggregateParams,
    dimensions: Mapping[str, str],
    scope: Scope,
    metric: MetricEntry,
    zone: ZoneInfo,
) -> Question:
    """The question behind the parameters, its range widened to whole periods of `zone`.

    Raises:
        ApiError: 422 for an unknown group, a range that ends before it starts, or a filter that
            can be no label.
    """
    known = (*GROUPABLE, *metric.dimensions)
    details = [
        Detail(field="group_by", message=f"{name!r} is none of {', '.join(known)}")
        for name in params.group_by
        if name not in known
    ]
    if len(set(params.group_by)) < len(params.group_by):
        details.append(Detail(field="group_by", message="A group is named twice"))
    if details:
        raise invalid(details)
    params.check(zone)
    since, before = params.since(zone), params.before(zone)
    return Question(
        selection=selection_of(scope, params, dimensions),
        params=params,
        aggregation=params.aggregation or metric.default_aggregation,
        zone=zone,
        since=since and calendar.floor(since, params.period, zone),
        before=before and calendar.ceiling(before, params.period, zone),
    )


def _group_of(series: Series, names: Sequence[str]) -> Group:
    return tuple(series.label(name) for name in names)


def _sizes(
    series: Sequence[Series], groups: Sequence[Group], names: Sequence[str]
) -> Sequence[int]:
    counted = Counter(_group_of(one, names) for one in series)
    return [counted[group] for group in groups]


def _one_unit(series: Sequence[Series], question: Question) -> str | None:
    """The unit of the selection; different units are never mixed unless merely counted."""
    units = {one.unit for one in series}
    if len(units) == 1:
        return units.pop()
    allowed = "unit" in question.params.group_by or question.aggregation == "count"
    if not units or allowed:
        return None
    names = ", ".join(sorted(unit or "(none)" for unit in units))
    message = f"The selection has several units ({names}); give unit= or group_by=unit"
    raise invalid([Detail(field="unit", message=message)])


def _rollups(series: Sequence[Series], level: Period) -> Sequence[str]:
    """Those at the level, and those below that their live part is computed from."""
    return [
        f"rollup_{frequency}_{below}"
        for frequency, _ in by_frequency(series)
        for below in LEVELS[frequency][: LEVELS[frequency].index(level) + 1]
    ]


def _too_fine(series: Sequence[Series], question: Question, level: Period) -> ApiError:
    frequencies = ", ".join(frequency for frequency, _ in by_frequency(series))
    name, period = question.params.metric_name, question.params.period
    if level != period:
        reason = f"{name} is submitted {frequencies}: other time zones need samples per hour"
        return invalid([Detail(field="tz", message=reason)])
    reason = f"{name} is submitted {frequencies}: there are no figures per {period}"
    return invalid([Detail(field="period", message=reason)])


def _row(
    question: Question, cell: Cell, labels: Sequence[Mapping[str, str | None]], now: datetime
) -> dict[str, Any]:
    period = named_period(cell.start, question.params.period, question.zone)
    return {
        "period": period.label,
        **labels[cell.group],
        "value": cell.value,
        "start": period.start_text,
        "end": period.end_text,
        "complete": period.end <= now,
    }
