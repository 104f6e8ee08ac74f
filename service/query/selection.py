"""Which series a request covers, resolved before the figures are read.

TimescaleDB pushes ``series_id = ANY(…)`` into the live part of a rollup, but not a join.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from psycopg import sql

from service.query.params import Filters
from service.scope import Scope
from sql.database import Connections, fetch_all
from sql.queries import query
from sql.rollups import FREQUENCIES, Frequency

_FILTERS = (
    "metric_name",
    "metric_type",
    "unit",
    "frequency",
    "service_name",
    "affiliate_id",
    "region",
)
GROUPABLE = ("service_name", "affiliate_id", "region", "unit")


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
    """Which series: those in scope that pass every filter (None: all do) and have the
    dimensions.
    """

    tenant: str
    only_service: str | None
    metric_name: str | None
    metric_type: str | None
    unit: str | None
    frequency: str | None
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    dimensions: Mapping[str, str]

    @property
    def index(self) -> str:
        """The column that, beside the tenant, leads to the series."""
        if self.metric_name is not None:
            return "metric_name"
        return "tenant" if self.service_name is None else "service_name"


def selection_of(scope: Scope, filters: Filters, dimensions: Mapping[str, str]) -> Selection:
    """The series in `scope` that pass every filter and have those dimensions."""
    given = {name: getattr(filters, name) for name in _FILTERS}
    return Selection(scope.tenant, scope.service_name, **given, dimensions=dimensions)


async def select_series(
    pool: Connections, selections: Sequence[Selection]
) -> dict[Selection, list[Series]]:
    """The series of each selection, found in one statement."""
    indexes = {selection.index for selection in selections}
    index = indexes.pop() if len(indexes) == 1 else "tenant"
    statement = query("find_series").format(index=sql.Identifier(index))
    params = {
        "selections": msgspec.json.encode(selections).decode(),
        "count": len(selections),
    }
    found: dict[Selection, list[Series]] = {selection: [] for selection in selections}
    for row in await fetch_all(pool, statement, params):
        found[selections[row.pop("number") - 1]].append(Series(**row))
    return found


def by_frequency(series: Sequence[Series]) -> Iterator[tuple[Frequency, list[Series]]]:
    """The series of each frequency that occurs, finest first."""
    for frequency in FREQUENCIES:
        if members := [one for one in series if one.frequency == frequency]:
            yield frequency, members
