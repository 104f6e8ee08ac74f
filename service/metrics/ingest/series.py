"""From a sample's labels to its series: a cache in the process, one upsert for the misses."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from service.metrics.ingest.closed import ClosedPeriods
from service.metrics.ingest.labels import label_text
from service.metrics.ingest.metric_table import MetricEntry, MetricTable
from service.metrics.ingest.relabels import Relabels
from service.metrics.ingest.room import NewSeries, Owner, SeriesLimits, SeriesRoom
from sql.database import Connection, Pool, connection, run
from sql.errors import Busy, Invalid, Violation
from sql.messages import Message
from sql.vocabulary import DEFAULT_AGGREGATION, Frequency, MetricType

# About 100 MB when full; the oldest entries make room.
CACHE_SIZE = 200_000


class SeriesKey(NamedTuple):
    """Everything that makes a series distinct; `dimensions` are pairs in the order in which the
    catalogue names their keys.

    It equals a plain tuple, which is made for every sample in a quarter of the time.
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


# What refuses new series: a value that is stored as another; a metric that is not there any more.
_CHANGES = frozenset({"series_relabelled", "series_tenant_metric_name_fkey"})


class CatalogChanged(Busy):
    """A metric that was taken to be new is in the catalogue, and not as its sample has it; or a
    label was relabelled or a metric removed meanwhile.
    """

    def __init__(self) -> None:
        super().__init__(Message("The catalogue is changing; try again"))


class SeriesCache:
    """Knows the ids of series, the metrics that they belong to, what of them is closed, and which
    labels are stored as others.
    """

    def __init__(self, pool: Pool, limits: SeriesLimits) -> None:
        self.metrics = MetricTable(pool)
        self.closed = ClosedPeriods(pool, self.metrics)
        self.relabels = Relabels()
        self.room = SeriesRoom(pool, limits)
        self._pool = pool
        # Of a dict it would take ever longer to find the oldest.
        self._ids: OrderedDict[tuple[object, ...], int] = OrderedDict()
        # How often ids were found to be of something else.
        self._changes = 0

    def get(self, key: tuple[object, ...]) -> int | None:
        """The id, where it is known already, of a key or of the plain tuple of its fields."""
        return self._ids.get(key)

    async def ready(self) -> None:
        """Have read the catalogue, the closed periods and the relabels once."""
        await self.metrics.ready()
        await self.closed.ready()
        if not self.relabels.is_known:
            await self.reload_relabels()

    async def reload(self) -> None:
        """Read catalogue, closed periods and relabels as they are now; the series of metrics that
        were deleted are gone.
        """
        await self.closed.reload()
        await self.reload_relabels()
        if deleted := await self.metrics.reload():
            self._changes += 1
            gone = [key for key in self._ids if key[:2] in deleted]
            for key in gone:
                del self._ids[key]

    async def reload_relabels(self) -> None:
        """Read relabels as they are now. Where there are others, no series is taken for known."""
        async with connection(self._pool) as conn:
            changed = await self.relabels.reload(conn)
        if changed:
            self._changes += 1
            self._ids.clear()
            self.metrics.renew()

    async def resolve(
        self, keys: Iterable[SeriesKey], assumed: Mapping[str, MetricEntry]
    ) -> Mapping[SeriesKey, int]:
        """The ids of these, which `get` does not know: looked up or created. A metric that is
        new is catalogued as the first of its keys has it; `assumed` are the entries of metrics
        that were taken to be new.

        Raises:
            Invalid: a tenant or service would have more series than it may.
            CatalogChanged: a metric was not new or is gone, or a label is stored as another. That
                is known from now on.
        """
        unknown = list(dict.fromkeys(keys))
        if not unknown:
            return {}
        changes = self._changes
        try:
            async with connection(self._pool) as conn:
                found = await self._found_or_made(conn, unknown, assumed)
        except Violation as error:
            if error.constraint not in _CHANGES:
                raise
            await self.reload()
            raise CatalogChanged from error
        if self._changes != changes:
            # An id that was looked up before may be of something else now.
            raise CatalogChanged
        self._ids.update(found.items())
        while len(self._ids) > CACHE_SIZE:
            self._ids.popitem(last=False)
        return found

    async def find(self, keys: Iterable[SeriesKey]) -> Mapping[SeriesKey, int]:
        """The ids of those that exist, which `get` does not know."""
        unknown = list(dict.fromkeys(keys))
        async with connection(self._pool) as conn:
            return await _look_up(conn, unknown)

    async def _found_or_made(
        self, conn: Connection, unknown: Sequence[SeriesKey], assumed: Mapping[str, MetricEntry]
    ) -> Mapping[SeriesKey, int]:
        found = await _look_up(conn, unknown)
        found |= await self._look_for_room(conn, [key for key in unknown if key not in found])
        if new := [key for key in unknown if key not in found]:
            await run(conn, "insert_metrics", _metrics_of(new, assumed))
        if assumed:
            await self._learn(conn, unknown[0].tenant, assumed)
        if new:
            await run(conn, "insert_series", _columns(sorted(new, key=_order)))
            found |= await _look_up(conn, new)
        return found

    async def _learn(
        self, conn: Connection, tenant: str, assumed: Mapping[str, MetricEntry]
    ) -> None:
        known = await self.metrics.learn(conn, tenant, assumed)
        for name, entry in assumed.items():
            if name not in known or not entry.takes_as(known[name]):
                raise CatalogChanged

    async def _look_for_room(
        self, conn: Connection, new: Sequence[SeriesKey]
    ) -> Mapping[SeriesKey, int]:
        """The ids of those that somebody else created meanwhile: what is there is never refused.

        Raises:
            Invalid: there is no room for the others.
        """
        try:
            await self.room.check(conn, _as_new(new))
        except Invalid:
            found = await _look_up(conn, new)
            if not found:
                raise
            await self.room.check(conn, _as_new(key for key in new if key not in found))
            return found
        return {}


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


def _as_new(keys: Iterable[SeriesKey]) -> Iterator[NewSeries]:
    return (NewSeries(Owner(key.tenant, key.service_name), key.metric_name) for key in keys)


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
        name: [getattr(key, name) for key in keys] for name in SeriesKey._fields[:-1]
    }
    columns["dimensions"] = [msgspec.json.encode(dict(key.dimensions)).decode() for key in keys]
    return columns


def _metrics_of(
    keys: Sequence[SeriesKey], assumed: Mapping[str, MetricEntry]
) -> dict[str, list[object]]:
    """Entries of the catalogue; those that are not `assumed` are there."""
    entries = [assumed.get(key.metric_name) or MetricEntry(key.metric_type, ()) for key in keys]
    return _columns(keys) | {
        "kind": [entry.kind for entry in entries],
        "aggregation": [DEFAULT_AGGREGATION[entry.kind] for entry in entries],
        "promoted": [msgspec.json.encode(entry.dimensions).decode() for entry in entries],
    }
