"""Queries for figures: plain values, the same whoever asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from service.metrics.catalog import Derivation, MetricEntry
from service.metrics.query.selection import Group, Selection, select
from sql import calendar
from sql.calendar import Period
from sql.errors import Invalid, Problem, missing
from sql.messages import Listing, Message, Value
from sql.scope import Scope
from sql.vocabulary import MAX_ROWS, Aggregation, Fill

Units = Literal["one", "main"]


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """Values of a metric per period and group; equal queries have equal results. Its instants are
    in UTC: in a zone, both halves of an hour that is repeated would be equal. Of a derived metric
    it says how values are computed.

    Where several `units` have samples in the range, that is an error or the `main` one counts. Of
    more groups than `most_groups` the largest are kept, or `only_groups`.
    """

    metric_name: str
    selection: Selection
    aggregation: Aggregation
    period: Period
    zone: ZoneInfo
    since: datetime | None = None
    before: datetime | None = None
    group_by: tuple[str, ...] = ()
    fill: Fill = "none"
    limit: int = MAX_ROWS
    units: Units = "one"
    main_unit: str | None = None
    most_groups: int | None = None
    only_groups: frozenset[Group] | None = None
    derivation: Derivation | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """The metric, within its tenant."""
        return self.selection.tenant, self.metric_name

    @property
    def key(self) -> str:
        """The same for equal queries."""
        return repr(
            (
                self.selection,
                self.aggregation,
                self.period,
                self.group_by,
                self.fill,
                self.limit,
                str(self.zone),
                self.since,
                self.before,
                self.units,
                self.most_groups,
                self.only_groups and sorted(self.only_groups, key=repr),
                self.derivation and (self.derivation.formula, self.derivation.operands),
            )
        )


def aggregate_query(
    metric: MetricEntry,
    scope: Scope,
    zone: ZoneInfo,
    *,
    filters: Mapping[str, str | None] | None = None,
    aggregation: Aggregation | None = None,
    period: Period = "day",
    since: datetime | None = None,
    before: datetime | None = None,
    group_by: Sequence[str] = (),
    fill: Fill = "none",
    limit: int = MAX_ROWS,
    units: Units = "one",
    most_groups: int | None = None,
    only_groups: frozenset[Group] | None = None,
) -> AggregateQuery:
    """The query for a metric in `scope`, its range widened to whole periods of `zone` and its
    aggregation the catalogue's unless one is given. `filters` are labels and dimensions.

    Raises:
        Invalid: an unknown group or dimension, or a filter that can be no label.
        NotFound: a derived metric, which is none of one service.
    """
    _check_groups(group_by, metric)
    if metric.derivation:
        if scope.service_name is not None:
            raise missing("metric", metric.metric_name)
        given = [name for name, value in (filters or {}).items() if value is not None]
        _check_derived(metric, aggregation, (*given, *group_by))
    return AggregateQuery(
        metric_name=metric.metric_name,
        selection=select(scope, metric, filters or {}),
        aggregation=aggregation or metric.default_aggregation,
        period=period,
        zone=zone,
        since=since and calendar.floor(since, period, zone).astimezone(UTC),
        before=before and calendar.ceiling(before, period, zone).astimezone(UTC),
        group_by=tuple(group_by),
        fill=fill,
        limit=limit,
        units=units,
        main_unit=metric.unit,
        most_groups=most_groups if group_by else None,
        only_groups=only_groups,
        derivation=metric.derivation,
    )


def with_period(query: AggregateQuery, period: Period) -> AggregateQuery:
    """The same by another period, its range widened to whole ones."""
    since, before = query.since, query.before
    return replace(
        query,
        period=period,
        since=since and calendar.floor(since, period, query.zone).astimezone(UTC),
        before=before and calendar.ceiling(before, period, query.zone).astimezone(UTC),
    )


def _check_groups(group_by: Sequence[str], metric: MetricEntry) -> None:
    known = metric.labels
    problems = [
        Problem(
            Message("'{name}' is none of {names}", {"name": name, "names": Listing(known)}),
            "group_by",
        )
        for name in group_by
        if name not in known
    ]
    if len(set(group_by)) < len(group_by):
        problems.append(Problem(Message("A group is named twice"), "group_by"))
    if problems:
        raise Invalid(*problems)


def _check_derived(
    metric: MetricEntry, aggregation: Aggregation | None, labels: Sequence[str]
) -> None:
    """Of its metrics each has its own aggregation, units, frequencies and type."""
    values: dict[str, Value] = {"metric": metric.metric_name}
    if aggregation not in (None, metric.default_aggregation):
        message = Message("{metric} is derived: its metrics are aggregated, each as usual", values)
        raise Invalid(Problem(message, "aggregation"))
    for name in ("unit", "frequency", "metric_type"):
        if name in labels:
            message = Message(
                "{metric} is derived: it has no {name} to tell apart", values | {"name": name}
            )
            raise Invalid(Problem(message, name))
