"""The newest values of several metrics: of the last complete period and of the current one."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.metrics.catalog import Catalog, MetricEntry
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.result import Result
from service.metrics.query.single_flight import SingleFlight
from service.metrics.query.spec import AggregateQuery, aggregate_query
from sql import calendar
from sql.calendar import Period
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import MAX_ROWS, Aggregation

# In seconds: so that several who look every few seconds cost one query.
MAX_AGE = 10.0


@dataclass(frozen=True, slots=True)
class NewestQuery:
    """The values of these metrics for each group and unit; `filters` are labels."""

    metrics: tuple[str, ...]
    scope: Scope
    period: Period
    aggregation: Aggregation | None = None
    filters: Mapping[str, str | None] | None = None
    group_by: tuple[str, ...] = ()


class NewestValue(NamedTuple):
    """A value, its labels and unit, and when its period started."""

    labels: Mapping[str, str | None]
    unit: str | None
    start: datetime
    value: float


class NewestOfMetric(NamedTuple):
    """A metric, its description, the aggregation of its values."""

    metric_name: str
    description: str
    aggregation: Aggregation
    values: Sequence[NewestValue]


class Newest(NamedTuple):
    """Each metric, the starts of the last complete and the current period, and which members of a
    hub did not answer.
    """

    metrics: Sequence[NewestOfMetric]
    complete: datetime
    current: datetime
    missing_members: Sequence[str] = ()


class NewestValues:
    """Reads the newest values; equal queries share a result for ten seconds."""

    def __init__(self, catalog: Catalog, aggregates: Aggregates, zone: ZoneInfo) -> None:
        self._catalog = catalog
        self._aggregates = aggregates
        self._zone = zone
        self._shared: SingleFlight[Newest] = SingleFlight(max_age=MAX_AGE, finished=True)

    async def newest(self, query: NewestQuery, now: datetime) -> Newest:
        """The newest values of each metric, in the order of the query.

        Raises:
            NotFound: there is no such metric in scope.
            Invalid: there are too many values, or as `Aggregates.result`.
        """
        current = calendar.floor(now, query.period, self._zone).astimezone(UTC)
        key = repr((query, current))
        return await self._shared.get(
            query.scope.tenant, key, lambda: self._read(query, current, now)
        )

    async def _read(self, query: NewestQuery, current: datetime, now: datetime) -> Newest:
        before = current - timedelta(microseconds=1)
        complete = calendar.floor(before, query.period, self._zone).astimezone(UTC)
        rows = {row["metric_name"]: row for row in await self._catalog.listed(query.scope)}
        asked = [rows[name] for name in query.metrics if name in rows]
        known = await self._catalog.entries_of(query.scope, asked)
        entries = [known.get(name) or MetricEntry(name) for name in query.metrics]
        for entry in entries:
            if entry.metric_name not in rows:
                await self._catalog.check_known(query.scope, entry)
        specs = [self._spec(query, entry, complete, current) for entry in entries]
        results = await asyncio.gather(*(self._aggregates.result(one, now) for one in specs))
        if sum(len(result.points) for result in results) > MAX_ROWS:
            raise Invalid(Problem(_TOO_MANY))
        found = [
            NewestOfMetric(
                entry.metric_name,
                rows.get(entry.metric_name, {}).get("description") or "",
                result.query.aggregation,
                list(_values(result)),
            )
            for entry, result in zip(entries, results, strict=True)
        ]
        missing = sorted({name for result in results for name in result.missing_members})
        return Newest(found, complete, current, missing)

    def _spec(
        self, query: NewestQuery, metric: MetricEntry, since: datetime, current: datetime
    ) -> AggregateQuery:
        counts = (query.aggregation or metric.default_aggregation) == "count"
        # Units are never mixed; of numbers of samples there is none.
        bare = counts or metric.derivation or "unit" in query.group_by
        also = () if bare else ("unit",)
        return aggregate_query(
            metric,
            query.scope,
            self._zone,
            filters=query.filters,
            aggregation=query.aggregation,
            period=query.period,
            since=since,
            before=calendar.following(current, query.period, self._zone),
            group_by=(*query.group_by, *also),
        )


_TOO_MANY = Message(
    "There are more than {number} values: use filters or fewer groups", {"number": MAX_ROWS}
)


def _values(result: Result) -> Iterator[NewestValue]:
    for point in result.points:
        group = result.groups[point.group]
        if point.value is not None:
            labels = dict(zip(result.query.group_by, group, strict=True))
            yield NewestValue(labels, result.unit_of(group), point.start, point.value)
