"""Which series a request covers, resolved before the figures are read.

TimescaleDB pushes ``series_id = ANY(…)`` into the live part of a rollup, but not a join.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from service.query.params import Filters
from service.scope import Scope
from sql.database import Connections, fetch_all
from sql.rollups import FREQUENCIES, Frequency

FILTERS = (
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


async def select_series(
    pool: Connections, scope: Scope, filters: Filters, dimensions: Mapping[str, str]
) -> list[Series]:
    """The series in `scope` that pass every filter and have those dimensions."""
    params: dict[str, Any] = {name: getattr(filters, name) for name in FILTERS}
    params |= {
        "tenant": scope.tenant,
        "only_service": scope.service_name,
        "dimensions": msgspec.json.encode(dimensions).decode(),
    }
    return [Series(**row) for row in await fetch_all(pool, "find_series", params)]


def by_frequency(series: Sequence[Series]) -> Iterator[tuple[Frequency, list[Series]]]:
    """The series of each frequency that occurs, finest first."""
    for frequency in FREQUENCIES:
        if members := [one for one in series if one.frequency == frequency]:
            yield frequency, members
