"""Which series a query covers, resolved before the rollups are read.

TimescaleDB pushes ``series_id = ANY(…)`` into the live part of a rollup, but not a join.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import msgspec
from psycopg import sql

from service.metrics.catalog import MetricEntry
from sql.database import Connections, fetch_prepared
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.statements import Query, query
from sql.vocabulary import FREQUENCIES, GROUPABLE, NONE, Frequency

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


class Series(NamedTuple):
    """A selected series and the labels that groups are made of."""

    series_id: int
    unit: str | None
    frequency: Frequency
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    dimensions: Mapping[str, str]

    def label(self, name: str) -> str | None:
        """The label or dimension of that name."""
        if name in GROUPABLE:
            value: str | None = getattr(self, name)
            return value
        return self.dimensions.get(name)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Which series of a tenant: those that pass every filter and have the dimensions. Filters
    are labels, `NONE` for none; `only_service` is the service of a scope.
    """

    tenant: str
    filters: Mapping[str, str]
    dimensions: Mapping[str, str]


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


async def select_series(
    pool: Connections, selections: Sequence[Selection]
) -> dict[Selection, list[Series]]:
    """The series of each selection, found in one statement."""
    # What has no such label no index finds.
    everywhere = set.intersection(
        *({name for name, value in one.filters.items() if value != NONE} for one in selections)
    )
    somewhere = {"metric_name", *(name for one in selections for name in one.filters)}
    index = next((name for name in _INDEXED if name in everywhere), "tenant")
    asked = [
        {**selection.filters, "tenant": selection.tenant, "dimensions": selection.dimensions}
        for selection in selections
    ]
    params = {"selections": msgspec.json.encode(asked).decode(), "count": len(asked)}
    found: dict[Selection, list[Series]] = {selection: [] for selection in selections}
    statement = _find_series(index, tuple(sorted(somewhere)))
    for number, *columns in await fetch_prepared(pool, statement, params):
        found[selections[number - 1]].append(Series(*columns))
    return found


@cache
def _find_series(index: str, filters: Sequence[str]) -> Query:
    """Finds series by that column beside the tenant, and filters them."""
    columns = [query("filter_column").format(filter=sql.Identifier(name)) for name in filters]
    passed = [
        query("scope_passed")
        if name == _SCOPE
        else query("filter_passed").format(filter=sql.Identifier(name))
        for name in filters
    ]
    return (
        query("find_series")
        .format(
            index=sql.Identifier(index),
            filters=sql.SQL(", ").join(one.body for one in columns),
            passed=sql.SQL(" AND ").join(one.body for one in passed),
        )
        .rendered()
    )


def by_frequency(series: Sequence[Series]) -> Iterator[tuple[Frequency, list[Series]]]:
    """The series of each frequency that occurs, finest first."""
    for frequency in FREQUENCIES:
        if members := [one for one in series if one.frequency == frequency]:
            yield frequency, members
