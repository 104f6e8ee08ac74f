"""Which series a query covers, resolved before the rollups are read.

TimescaleDB pushes ``series_id = ANY(…)`` into the live part of a rollup, but not a join.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from psycopg import sql

from service.metrics.catalog import MetricEntry
from sql.cached import cached_property
from sql.database import Connections, fetch_prepared
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.statements import Query, query
from sql.vocabulary import GROUPABLE, NONE, Frequency

_FILTERS = (
    "metric_name",
    "metric_type",
    "unit",
    "frequency",
    "service_name",
    "affiliate_id",
    "region",
)
_INDEXED = ("metric_name", "service_name")
_SCOPE = "only_service"
Group = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Which series of a tenant: those that pass every filter and have the dimensions. Filters
    are labels, `NONE` for none; `only_service` is the service of a scope.
    """

    tenant: str
    filters: Mapping[str, str]
    dimensions: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """The series of a selection in groups of the same labels."""

    selection: Selection
    group_by: tuple[str, ...] = ()


class Part(NamedTuple):
    """The series of one unit and frequency, and the number of the group of each: both as
    PostgreSQL writes arrays, as there can be ten thousand, which are never looked at here.
    """

    unit: str | None
    frequency: Frequency
    series: str
    groups: str
    series_count: int


class Groups(list[Group]):
    """The labels of groups by their numbers."""

    @cached_property
    def number_of(self) -> Mapping[Group, int]:
        """The number of each; made once, as there can be ten thousand."""
        return {group: number for number, group in enumerate(self)}

    def numbers_of(self, wanted: Iterable[Group]) -> set[int]:
        """The numbers of those that are among them."""
        return {self.number_of[group] for group in wanted if group in self.number_of}


class Grouped(NamedTuple):
    """The series of a selection and the labels of its groups."""

    parts: Sequence[Part]
    groups: Groups


def select(
    scope: Scope, metric: MetricEntry | None, filters: Mapping[str, str | None]
) -> Selection:
    """The series in `scope`, of that metric if one is given, that pass every filter that is not
    None: labels of series, and the metric's dimensions.

    Raises:
        Invalid: an unknown dimension, or what no label can be.
    """
    # An empty text is none, as in samples.
    given = {name: value or NONE for name, value in filters.items() if value is not None}
    labels = {name: value for name, value in given.items() if name in _FILTERS}
    dimensions = {name: value for name, value in given.items() if name not in _FILTERS}
    if metric is not None:
        labels["metric_name"] = metric.metric_name or NONE
    if scope.service_name is not None:
        labels[_SCOPE] = scope.service_name
    problems = [*_unknown(dimensions, metric), *_impossible(labels | dimensions)]
    if problems:
        raise Invalid(*problems)
    return Selection(scope.tenant, labels, dimensions)


def _unknown(dimensions: Iterable[str], metric: MetricEntry | None) -> Iterator[Problem]:
    known = metric.dimensions if metric else ()
    name_of_metric = metric.metric_name if metric else ""
    for name in sorted(set(dimensions) - set(known)):
        values = {"name": name, "metric": name_of_metric}
        yield Problem(Message("'{name}' is no dimension of {metric}", values), "filters")


def _impossible(labels: Mapping[str, str]) -> Iterator[Problem]:
    """The database would refuse the whole statement, with what others asked for."""
    for name, value in labels.items():
        if "\0" in value:
            yield Problem(Message("The character NUL cannot occur"), name)


async def group_series(pool: Connections, groupings: Sequence[Grouping]) -> dict[Grouping, Grouped]:
    """The series of each grouping, all of the same `group_by`, found in one statement."""
    # Series without such a label are found by no index.
    everywhere = set.intersection(
        *(
            {name for name, value in one.selection.filters.items() if value != NONE}
            for one in groupings
        )
    )
    somewhere = {"metric_name", *(name for one in groupings for name in one.selection.filters)}
    index = next((name for name in _INDEXED if name in everywhere), "tenant")
    asked = [
        {
            **one.selection.filters,
            "tenant": one.selection.tenant,
            "dimensions": one.selection.dimensions,
        }
        for one in groupings
    ]
    params = {"selections": msgspec.json.encode(asked).decode(), "count": len(asked)}
    group_by = groupings[0].group_by
    statement = _find_series(index, tuple(sorted(somewhere)), group_by)
    return grouped_of(await fetch_prepared(pool, statement, params), groupings)


def grouped_of(
    rows: Iterable[tuple[Any, ...]], groupings: Sequence[Grouping]
) -> dict[Grouping, Grouped]:
    """The series of each grouping, from the rows of `in_groups`, which number them from 1 on."""
    parts: dict[Grouping, list[Part]] = {one: [] for one in groupings}
    labels: dict[Grouping, Groups] = {}
    for number, unit, frequency, series, groups, count in rows:
        grouping = groupings[number - 1]
        if frequency is None:
            labels[grouping] = Groups(_groups.decode(groups))
        else:
            groups = groups or _first_group(count)
            parts[grouping].append(Part(unit, frequency, series, groups, count))
    otherwise = Groups(() if groupings[0].group_by else ((),))
    return {one: Grouped(parts[one], labels.get(one, otherwise)) for one in groupings}


_groups = msgspec.json.Decoder(list[tuple[str | None, ...]])


@lru_cache(maxsize=1000)
def _first_group(count: int) -> str:
    """An array that puts `count` series into the only group."""
    return "{" + "0," * (count - 1) + "0}"


def by_group_by(groupings: Sequence[Grouping]) -> Iterator[list[Grouping]]:
    """Groupings of a tenant by the same labels together: they are one statement."""
    alike: dict[tuple[str, tuple[str, ...]], list[Grouping]] = {}
    for one in groupings:
        alike.setdefault((one.selection.tenant, one.group_by), []).append(one)
    yield from alike.values()


@lru_cache(maxsize=1000)
def _find_series(index: str, filters: Sequence[str], group_by: Sequence[str]) -> Query:
    """Finds series by that column beside the tenant, filters them and puts them into groups."""
    columns = [query("filter_column").format(filter=sql.Identifier(name)) for name in filters]
    passed = [
        query("scope_passed")
        if name == _SCOPE
        else query("filter_passed").format(filter=sql.Identifier(name))
        for name in filters
    ]
    found = query("find_series").format(
        index=sql.Identifier(index),
        filters=sql.SQL(", ").join(one.body for one in columns),
        passed=sql.SQL(" AND ").join(one.body for one in passed),
    )
    return in_groups(found, group_by)


def in_groups(found: Query, group_by: Sequence[str]) -> Query:
    """Puts the series that a query finds into groups of the same labels."""
    if not group_by:
        return query("series_ungrouped").format(found=found.body).rendered()
    labels = [label_of(name) for name in group_by]
    return (
        query("series_grouped")
        .format(
            found=found.body,
            labels=sql.SQL(", ").join(labels),
            order=sql.SQL(", ").join(
                query("label_order").format(label=label).body for label in labels
            ),
        )
        .rendered()
    )


def label_of(name: str) -> sql.Composable:
    """A label or dimension of the series `f`."""
    if name in GROUPABLE:
        return query("label_column").format(label=sql.Identifier(name)).body
    return query("label_dimension").format(name=sql.Literal(name)).body
