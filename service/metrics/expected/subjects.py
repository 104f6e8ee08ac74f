"""Subjects of expectations: the queries that they stand for, and when what is kept is too old."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from alerts.kept_profiles import Subject
from service.metrics.query.selection import Group, Selection
from service.metrics.query.spec import AggregateQuery
from sql import calendar
from sql.calendar import LongPeriod
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.vocabulary import GROUPABLE, MAX_ROWS, NONE

MAX_GROUPS = 20
# Of hours a whole day is fitted at once.
_ROWS: Mapping[LongPeriod, LongPeriod] = {
    "hour": "day",
    "day": "day",
    "week": "week",
    "month": "month",
}


def check(query: AggregateQuery, groups: Sequence[Group]) -> None:
    if query.derivation:
        message = Message("What is expected is known of metrics that are submitted alone")
        raise Invalid(Problem(message, "metric_name"))
    if query.period not in _ROWS:
        message = Message("What is expected is known by hour, day, week and month")
        raise Invalid(Problem(message, "period"))
    if len(groups) > MAX_GROUPS:
        message = Message(
            "There are {number} groups; what is expected is told of up to {most}: add filters",
            {"number": len(groups), "most": MAX_GROUPS},
        )
        raise Invalid(Problem(message, "group_by"))


def query_of(query: AggregateQuery, group: Group) -> AggregateQuery:
    """The query for one of its groups."""
    labels = dict(zip(query.group_by, group, strict=True))
    named = {name: NONE if label is None else label for name, label in labels.items()}
    selection = query.selection
    filters = {name: label for name, label in named.items() if name in GROUPABLE}
    dimensions = {name: label for name, label in named.items() if name not in GROUPABLE}
    chosen = Selection(
        selection.tenant,
        {**selection.filters, **filters},
        {**selection.dimensions, **dimensions},
    )
    return _alone(query, chosen)


def _alone(query: AggregateQuery, selection: Selection) -> AggregateQuery:
    return replace(
        query,
        selection=selection,
        group_by=(),
        fill="none",
        limit=MAX_ROWS,
        most_groups=None,
        only_groups=None,
    )


def subject_of(query: AggregateQuery, country: str) -> Subject:
    """What something is expected of, by a query without groups."""
    return Subject(
        query.selection.tenant,
        query.metric_name,
        query.aggregation,
        period_of(query),
        str(query.zone),
        query.selection.filters,
        query.selection.dimensions,
        country,
    )


def query_kept(row: Mapping[str, Any]) -> AggregateQuery:
    """The query of a subject as it was kept."""
    selection = Selection(row["tenant"], row["filters"], row["dimensions"])
    return AggregateQuery(
        row["metric_name"],
        selection,
        row["aggregation"],
        row["period"],
        ZoneInfo(row["zone"]),
        units="main",
        main_unit=row["unit"],
    )


def period_of(query: AggregateQuery) -> LongPeriod:
    """The period of a query that was checked."""
    return cast("LongPeriod", query.period)


def row_start(instant: datetime, query: AggregateQuery) -> datetime:
    """The start in UTC of what is fitted at once that `instant` is in."""
    return calendar.floor(instant, _ROWS[period_of(query)], query.zone).astimezone(UTC)
