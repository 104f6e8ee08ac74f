"""Reading the figures that a query of remote read is about."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from service.metrics.catalog import MetricEntry, entry_of
from service.metrics.query.beside import beside
from service.metrics.query.result import Result, check_nobody_missing
from service.metrics.query.selected import TooFine
from service.metrics.query.selection import Group
from service.metrics.query.spec import aggregate_query
from service.prometheus.names import check_distinct, label_names_of, metric_name_of
from service.remote_read.matching import Regexes, matches
from service.remote_read.queries import Matcher, ReadQuery, Series
from service.remote_read.stamps import (
    count_of_looks,
    instant_of,
    looked_at,
    samples_of_instants,
    samples_of_range,
    start_of_period,
)
from service.runtime.resources import Resources
from sql.calendar import LongPeriod, Period
from sql.errors import Invalid, Problem
from sql.messages import Message, choices
from sql.scope import Scope
from sql.vocabulary import LABELS, NONE, Aggregation

NAME = "__name__"
JOB = "fature"
MAX_METRICS = 50
MAX_POINTS = 100_000
MAX_SAMPLES = 250_000
_AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
_PERIODS: tuple[Period, ...] = get_args(Period)
_MILLISECOND = timedelta(milliseconds=1)


class Bounds:
    """How many values are read and samples are made of them for one request, all metrics and
    queries together.
    """

    def __init__(self) -> None:
        self._values = self._samples = 0

    def count_values(self, number: int) -> None:
        """Count values that were read.

        Raises:
            Invalid: they are too many.
        """
        self._values += number
        if self._values > MAX_POINTS:
            raise _too_many(MAX_POINTS)

    def count_samples(self, number: int) -> None:
        """Count samples that were made.

        Raises:
            Invalid: they are too many.
        """
        self._samples += number
        if self._samples > MAX_SAMPLES:
            raise _too_many(MAX_SAMPLES)


async def read_series(
    resources: Resources, scope: Scope, query: ReadQuery, now: datetime, bounds: Bounds
) -> list[Series]:
    """The series that match, in any order; none of metrics that are not there.

    Raises:
        Invalid: too many metrics, values or samples, or as `Aggregates.result`.
    """
    regexes = Regexes(resources.reads)
    rows = await _metrics(resources, scope, query, regexes)
    of_labels = [one for one in query.matchers if one.name != NAME]
    await regexes.load(of_labels, ("", JOB, *_PERIODS, *_AGGREGATIONS))
    readings = [
        _Reading(resources, scope, query, now, bounds, regexes, entry_of(row)) for row in rows
    ]
    found = await asyncio.gather(*(one.series() for one in readings))
    return [one for of_metric in found for one in of_metric]


async def _metrics(
    resources: Resources, scope: Scope, query: ReadQuery, regexes: Regexes
) -> Sequence[Mapping[str, Any]]:
    """The catalogue's rows of the metrics whose name matches: of one that is given as it is that
    alone, else those that Prometheus would call so.
    """
    wanted = [one for one in query.matchers if one.name == NAME]
    # Derived metrics have no series.
    rows = [row for row in await resources.catalog.listed(scope) if not row.get("formula")]
    if exact := [row for row in rows if row["metric_name"] == query.exact(NAME)]:
        return exact
    names = {row["metric_name"]: metric_name_of(row["metric_name"]) for row in rows}
    await regexes.load(wanted, names.values())
    matching = {
        name: becomes for name, becomes in names.items() if matches(wanted, becomes, regexes)
    }
    if len(matching) > MAX_METRICS:
        message = Message(
            "The selector matches {count} metrics, and may match {most}: name them",
            {"count": len(matching), "most": MAX_METRICS},
        )
        raise Invalid(Problem(message))
    check_distinct(matching)
    return [row for row in rows if row["metric_name"] in matching]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The reading of one metric."""

    resources: Resources
    scope: Scope
    query: ReadQuery
    now: datetime
    bounds: Bounds
    regexes: Regexes
    metric: MetricEntry

    async def series(self) -> list[Series]:
        labels = label_names_of((*LABELS, "unit", *self.metric.dimensions))
        filters, rest = self._filters(labels)
        if filters is None:
            return []
        group_by = self._group_by(labels, rest)
        groups = await self._groups(filters, group_by, rest)
        if groups is not None and not groups:
            return []
        result = await self._result(filters, group_by, groups)
        if result.is_truncated:
            raise _too_many(MAX_POINTS)
        self.bounds.count_values(len(result.points))
        made = await beside(self._made, result, labels)
        self.bounds.count_samples(sum(len(one.samples) for one in made))
        return made

    def _filters(
        self, labels: Mapping[str, str]
    ) -> tuple[dict[str, str] | None, dict[str, list[Matcher]]]:
        """Filters of the selection, None where nothing can match, and by the name of a label or
        dimension what else is to match.
        """
        fields = {label: name for name, label in labels.items()}
        filters: dict[str, str] = {}
        rest: dict[str, list[Matcher]] = {}
        for matcher in self.query.matchers:
            field = fields.get(matcher.name)
            if field is None:
                continue
            is_first = matcher.is_exact and field not in filters
            if is_first and matcher.value != NONE:
                filters[field] = matcher.value or NONE
            else:
                rest.setdefault(field, []).append(matcher)
        own = {NAME, "aggregation", "period", "job", *fields}
        others = [one for one in self.query.matchers if one.name not in own]
        return (filters if matches(others, "", self.regexes) else None), rest

    def _group_by(self, labels: Mapping[str, str], rest: Iterable[str]) -> tuple[str, ...]:
        """The labels that tell series apart: all, or where PromQL groups by some of them and
        that comes to the same, those. Units only where several may match.
        """
        hints = self.query.hints
        combined = hints is not None and hints.combines(self._aggregation)
        grouping = hints.grouping if hints and combined else tuple(labels.values())
        return tuple(
            name
            for name, label in labels.items()
            if name in rest or (label in grouping and name != "unit")
        )

    async def _groups(
        self,
        filters: Mapping[str, str],
        group_by: tuple[str, ...],
        rest: Mapping[str, Sequence[Matcher]],
    ) -> frozenset[Group] | None:
        """Those that match, None where all do."""
        if not rest:
            return None
        spec = aggregate_query(
            self.metric,
            self.scope,
            self.resources.settings.zone,
            filters=dict(filters),
            group_by=group_by,
        )
        groups = await self.resources.aggregates.groups(spec)
        kept: Iterable[Group] = groups
        for name, matchers in rest.items():
            place = group_by.index(name)
            await self.regexes.load(matchers, {group[place] or "" for group in groups})
            kept = [g for g in kept if matches(matchers, g[place] or "", self.regexes)]
        return frozenset(kept)

    async def _result(
        self,
        filters: Mapping[str, str],
        group_by: tuple[str, ...],
        groups: frozenset[Group] | None,
    ) -> Result:
        """Of the period that is asked for, else of the finest one from hours on that there is."""
        given = self.query.exact("period")
        if given:
            periods: tuple[Period, ...] = (_chosen(given, _PERIODS, "period"),)
        else:
            periods = get_args(LongPeriod)
        for period in periods[:-1]:
            try:
                return await self._of_period(period, filters, group_by, groups)
            except TooFine:
                continue
        return await self._of_period(periods[-1], filters, group_by, groups)

    async def _of_period(
        self,
        period: Period,
        filters: Mapping[str, str],
        group_by: tuple[str, ...],
        groups: frozenset[Group] | None,
    ) -> Result:
        spec = aggregate_query(
            self.metric,
            self.scope,
            self.resources.settings.zone,
            filters=dict(filters),
            aggregation=self._aggregation,
            period=period,
            since=instant_of(self.query.since),
            before=instant_of(self.query.until) + _MILLISECOND,
            group_by=group_by,
            limit=MAX_POINTS,
            only_groups=groups,
        )
        result = await self.resources.aggregates.result(spec, self.now)
        check_nobody_missing(result)
        return result

    @property
    def _aggregation(self) -> Aggregation:
        given = self.query.exact("aggregation")
        if not given:
            return self.metric.default_aggregation
        aggregation: Aggregation = _chosen(given, _AGGREGATIONS, "aggregation")
        return aggregation

    def _made(self, result: Result, labels: Mapping[str, str]) -> list[Series]:
        spec = result.query
        constant = {
            NAME: metric_name_of(self.metric.metric_name),
            "job": JOB,
            "period": spec.period,
            "aggregation": spec.aggregation,
        }
        for name in ("job", "period", "aggregation"):
            wanted = [one for one in self.query.matchers if one.name == name]
            if not matches(wanted, constant[name], self.regexes):
                return []
        samples = self._samples(result)
        return [
            Series(constant | _labels_of(result, group, labels), made)
            for group, made in samples
            if made
        ]

    def _samples(self, result: Result) -> Iterator[tuple[Group, list[tuple[float, int]]]]:
        query, spec = self.query, result.query
        if not result.by_group:
            # However many instants PromQL looks at.
            return
        if not query.is_of_instants:
            for group, values in result.by_group.items():
                yield (
                    group,
                    list(samples_of_range(values, query, spec.period, spec.zone, self.now)),
                )
            return
        if count_of_looks(query) * len(result.by_group) > MAX_SAMPLES:
            raise _too_many(MAX_SAMPLES)
        looks = [look for look in looked_at(query) if look >= query.since]
        starts = [start_of_period(look, spec.period, spec.zone) for look in looks]
        for group, values in result.by_group.items():
            yield group, list(samples_of_instants(values, looks, starts))


def _labels_of(result: Result, group: Group, labels: Mapping[str, str]) -> dict[str, str]:
    given = dict(zip(result.query.group_by, group, strict=True))
    given["unit"] = result.unit_of(group)
    return {labels[name]: value for name, value in given.items() if value}


def _chosen(value: str, known: Sequence[Any], name: str) -> Any:
    if value not in known:
        message = Message("Expected {expected}", {"expected": choices(tuple(known))})
        raise Invalid(Problem(message, name))
    return value


def _too_many(most: int) -> Invalid:
    message = Message(
        'More than {number} values: narrow the range or the selector, or give period="day"',
        {"number": most},
    )
    return Invalid(Problem(message))
