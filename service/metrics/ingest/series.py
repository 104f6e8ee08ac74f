"""From a sample's labels to its series: a cache in the process, one upsert for the misses."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from service.metrics.ingest.labels import label_text
from service.metrics.ingest.metric_table import MetricEntry, MetricTable
from sql.database import Connection, Pool, connection, run
from sql.errors import Busy, Invalid, Problem
from sql.messages import Message
from sql.vocabulary import DEFAULT_AGGREGATION, KIND_OF_TYPE, Frequency, MetricType

# About 100 MB when full; the oldest entries make room.
CACHE_SIZE = 200_000


class SeriesKey(Struct, frozen=True, gc=False):
    """Everything that makes a series distinct; `dimensions` are pairs in the order in which the
    catalogue names their keys.

    One is made for every sample, which a msgspec struct does in half a named tuple's time and
    without work for the garbage collector.
    """

    tenant: str
    metric_name: str
    metric_type: MetricType
    unit: str | None
    frequency: Frequency
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    dimensions: tuple[tuple[str, str], ...]


class CatalogChanged(Busy):
    """A metric that was taken to be new is in the catalogue, and not as its sample has it."""

    def __init__(self) -> None:
        super().__init__(Message("The catalogue is changing; try again"))


class SeriesLimits(NamedTuple):
    """How many series a tenant, and a service within it, may have for more to be made."""

    per_tenant: int
    per_service: int


class SeriesCache:
    """Knows the ids of series, and the metrics that they belong to."""

    def __init__(self, pool: Pool, limits: SeriesLimits) -> None:
        self.metrics = MetricTable(pool)
        self._pool = pool
        self._limits = limits
        # Of a dict it would take ever longer to find the oldest.
        self._ids: OrderedDict[SeriesKey, int] = OrderedDict()

    def get(self, key: SeriesKey) -> int | None:
        """The id, where it is known already."""
        return self._ids.get(key)

    async def reload(self) -> None:
        """Read the catalogue as it is now; the series of metrics that were deleted are gone."""
        if deleted := await self.metrics.reload():
            gone = [key for key in self._ids if (key.tenant, key.metric_name) in deleted]
            for key in gone:
                del self._ids[key]

    async def resolve(
        self, keys: Iterable[SeriesKey], assumed: Mapping[str, MetricEntry]
    ) -> Mapping[SeriesKey, int]:
        """The ids of these, which `get` does not know: looked up or created. A metric that is
        new is catalogued as the first of its keys has it; `assumed` are the entries of metrics
        that were taken to be new.

        Raises:
            Invalid: a tenant or service would have more series than it may.
            CatalogChanged: a metric was not new. `metrics` knows it from now on; no series was
                created.
        """
        unknown = list(dict.fromkeys(keys))
        if not unknown:
            return {}
        async with connection(self._pool) as conn:
            found = await _look_up(conn, unknown)
            if new := [key for key in unknown if key not in found]:
                await self._guard(conn, new)
                await run(conn, "insert_metrics", _columns(new))
            if assumed:
                await self._learn(conn, unknown[0].tenant, assumed)
            if new:
                await run(conn, "insert_series", _columns(sorted(new, key=_order)))
                found |= await _look_up(conn, new)
        self._ids.update(found)
        while len(self._ids) > CACHE_SIZE:
            self._ids.popitem(last=False)
        return found

    async def _learn(
        self, conn: Connection, tenant: str, assumed: Mapping[str, MetricEntry]
    ) -> None:
        known = await self.metrics.learn(conn, tenant, assumed)
        for name, entry in assumed.items():
            if name not in known or not entry.takes_as(known[name]):
                raise CatalogChanged

    async def _guard(self, conn: Connection, new: Sequence[SeriesKey]) -> None:
        """Requests at the same time may go past a limit together, by their own series."""
        tenants = Counter(key.tenant for key in new)
        services = Counter((key.tenant, key.service_name) for key in new if key.service_name)
        for tenant, more in tenants.items():
            params = {"tenant": tenant, "service_name": None, "most": self._limits.per_tenant}
            await _check_room(conn, params, more, "FATURE_MAX_SERIES_PER_TENANT")
        for (tenant, service), more in services.items():
            params = {"tenant": tenant, "service_name": service, "most": self._limits.per_service}
            await _check_room(conn, params, more, "FATURE_MAX_SERIES_PER_SERVICE")


def dimension_text(value: object) -> str | None:
    """A metadata value as a dimension: text as a label has it, numbers and booleans as JSON;
    None for what cannot be a label (objects, lists, null, more than 200 characters).
    """
    if isinstance(value, str):
        text = label_text(value)
    elif isinstance(value, bool | int | float):
        text = msgspec.json.encode(value).decode()
    else:
        return None
    return text if 0 < len(text) <= 200 else None


async def _look_up(conn: Connection, keys: Sequence[SeriesKey]) -> dict[SeriesKey, int]:
    """The ids of those that exist."""
    rows = await run(conn, "series_ids", _columns(keys))
    return {keys[row["place"] - 1]: row["series_id"] for row in rows}


async def _check_room(conn: Connection, params: dict[str, Any], more: int, setting: str) -> None:
    (row,) = await run(conn, "count_series", params)
    if row["series"] + more > params["most"]:
        raise _too_many(params, row["series"], more, setting)


def _too_many(params: Mapping[str, Any], series: int, more: int, setting: str) -> Invalid:
    service = params["service_name"]
    who = (
        Message("service {name}", {"name": service})
        if service
        else Message("tenant {name}", {"name": params["tenant"]})
    )
    message = Message(
        "{who} has {series} series and may have {most} ({setting}): {more} new would be too many; "
        "do labels or dimensions hold ids?",
        {"who": who, "series": series, "most": params["most"], "setting": setting, "more": more},
    )
    return Invalid(Problem(message))


def dimensions_of(
    metadata: Mapping[str, object], promoted: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """The promoted keys that metadata has as labels."""
    texts = ((name, dimension_text(metadata.get(name))) for name in promoted)
    return tuple((name, text) for name, text in texts if text is not None)


def _order(key: SeriesKey) -> str:
    """The same in every process: two upserts in different orders could deadlock."""
    return repr(key)


def _columns(keys: Sequence[SeriesKey]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {
        name: [getattr(key, name) for key in keys] for name in SeriesKey.__struct_fields__[:-1]
    }
    columns["dimensions"] = [msgspec.json.encode(dict(key.dimensions)).decode() for key in keys]
    kinds = [KIND_OF_TYPE[key.metric_type] for key in keys]
    columns["kind"] = list(kinds)
    columns["aggregation"] = [DEFAULT_AGGREGATION[kind] for kind in kinds]
    return columns
