"""The catalogue in memory, as samples are checked against it and points are mapped by it."""

import asyncio
from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from service.metrics.ingest.units import Units
from sql.database import Connection, Pool, connection, run
from sql.vocabulary import KIND_OF_TYPE, Frequency, Kind, MetricType


class MetricEntry:
    """A metric's entry in the catalogue; `created_at` distinguishes it from a deleted one."""

    __slots__ = (
        "created_at",
        "dimensions",
        "frequency",
        "is_derived",
        "kind",
        "metric_type",
        "units",
    )

    def __init__(
        self,
        metric_type: MetricType,
        units: Iterable[str],
        dimensions: Iterable[str] = (),
        created_at: datetime | None = None,
        *,
        kind: Kind | None = None,
        frequency: Frequency | None = None,
        is_derived: bool = False,
    ) -> None:
        self.metric_type = metric_type
        self.kind = kind or KIND_OF_TYPE[metric_type]
        self.frequency = frequency
        self.units = Units(tuple(units))
        self.dimensions = tuple(dimensions)
        self.is_derived = is_derived
        self.created_at = created_at

    def takes_as(self, other: "MetricEntry") -> bool:
        """True where a sample of one is that sample of the other."""
        return (self.metric_type, self.units.units, self.dimensions, self.is_derived) == (
            other.metric_type,
            other.units.units,
            other.dimensions,
            other.is_derived,
        )

    def equals(self, other: "MetricEntry | None") -> bool:
        """True where nothing about the metric has changed."""
        return (
            other is not None
            and self.takes_as(other)
            and (self.kind, self.frequency, self.created_at)
            == (other.kind, other.frequency, other.created_at)
        )


class MetricTable:
    """Every metric by tenant and name, read anew every few seconds by whoever runs this table."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._entries: dict[str, dict[str, MetricEntry]] | None = None
        self._reading = asyncio.Lock()

    async def ready(self) -> None:
        """Have read it once, without which a sample would land in a wrong series."""
        if self._entries is None:
            await self.reload()

    async def reload(self) -> set[tuple[str, str]]:
        """Read it as it is now, changed here or in another process; tenant and name of those
        that were deleted since the reading before.
        """
        # One at a time: an older reading must not come last.
        async with self._reading, connection(self._pool) as conn:
            before = self._entries or {}
            rows = await run(conn, "metric_entries")
            # Not those before: they may have been renewed meanwhile.
            current = self._entries or {}
            found: dict[str, dict[str, MetricEntry]] = {}
            for row in rows:
                tenant, name, entry = row["tenant"], row["metric_name"], _entry(row)
                known = current.get(tenant, {}).get(name)
                # The same object, by which others know that it has not changed.
                kept = known if known is not None and entry.equals(known) else entry
                found.setdefault(tenant, {})[name] = kept
            self._entries = found
        return {
            (tenant, name)
            for tenant, entries in before.items()
            for name, entry in entries.items()
            if not _same(entry, found.get(tenant, {}).get(name))
        }

    def of(self, tenant: str) -> Mapping[str, MetricEntry]:
        """The metrics of a tenant by name, once `ready` was awaited."""
        assert self._entries is not None
        return self._entries.setdefault(tenant, {})

    def renew(self) -> None:
        """Make other objects of all entries: nothing found out by them is taken for right."""
        if self._entries is not None:
            self._entries = {
                tenant: {name: copy(entry) for name, entry in entries.items()}
                for tenant, entries in self._entries.items()
            }

    def of_type(self, tenant: str, metric_type: str) -> frozenset[tuple[str, str]]:
        """Tenant and name of the metrics of a type, as far as they are known."""
        entries = (self._entries or {}).get(tenant, {})
        return frozenset(
            (tenant, name) for name, entry in entries.items() if entry.metric_type == metric_type
        )

    async def learn(
        self, conn: Connection, tenant: str, metric_names: Iterable[str]
    ) -> dict[str, MetricEntry]:
        """Those metrics as they are in the database now, which `of` knows from then on."""
        assert self._entries is not None
        params = {"tenant": tenant, "metric_names": list(metric_names)}
        rows = await run(conn, "metric_entries_named", params)
        found = {row["metric_name"]: _entry(row) for row in rows}
        self._entries.setdefault(tenant, {}).update(found)
        return found


def _same(before: MetricEntry, now: MetricEntry | None) -> bool:
    return now is not None and now.created_at == before.created_at


def _entry(row: Mapping[str, Any]) -> MetricEntry:
    units = row["units"] or ([row["unit"]] if row["unit"] else [])
    return MetricEntry(
        row["metric_type"],
        units,
        row["dimensions"],
        row["created_at"],
        kind=row["kind"],
        frequency=row["frequency"],
        is_derived=row["is_derived"],
    )
