"""The catalogue: what metrics there are and how each is added up."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.access.audit import record
from service.access.caller import Principal
from service.http.parameters import AggregateParams
from service.metrics.query.single_flight import SingleFlight
from sql.database import Connections, Pool, connection, fetch_all, run
from sql.scope import Scope
from sql.vocabulary import DEFAULT_AGGREGATION, Aggregation, Kind

# Parameters, and fields of the answers.
_RESERVED = frozenset(AggregateParams.model_fields) | {
    *("order", "cursor"),
    *("id", "timestamp", "value", "metadata"),
    *("start", "end", "complete"),
}

Dimension = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class MetricEntry(BaseModel):
    """What questions about a metric need to know of it."""

    default_aggregation: Aggregation = "sum"
    dimensions: tuple[str, ...] = ()


class CatalogPatch(BaseModel):
    """Changes to a catalogue entry; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind | None = None
    default_aggregation: Aggregation | None = Field(
        None, description="Follows a change of kind if absent: sum, last or avg"
    )
    unit: str | None = Field(
        None, max_length=200, description="The usual one; samples keep theirs. Empty: none"
    )
    description: str | None = Field(None, max_length=2000)
    dimensions: list[Dimension] | None = Field(
        None,
        max_length=10,
        description="Metadata keys that become filters and groups of every rollup from now on",
    )

    @field_validator("dimensions")
    @classmethod
    def _usable(cls, names: list[str] | None) -> list[str] | None:
        if names and len(set(names)) < len(names):
            raise ValueError("A dimension is named twice")
        if taken := sorted(_RESERVED.intersection(names or ())):
            raise ValueError(f"{', '.join(taken)} cannot be a dimension: answers have the name")
        return names

    @field_validator("unit", "description")
    @classmethod
    def _storable(cls, text: str | None) -> str | None:
        if text and "\0" in text:
            raise ValueError("The character NUL cannot be stored")
        return text


class CatalogRow(BaseModel):
    """One metric of the catalogue."""

    metric_name: str
    metric_type: str
    unit: str | None
    kind: Kind
    default_aggregation: Aggregation
    frequency: str
    description: str
    dimensions: list[str]
    series: int = Field(description="How many series are in view")
    first_sample: str | None = Field(description="Oldest sample that is still kept")
    last_sample: str | None


class Catalog:
    """Reads and edits the catalogue; entries are at most a second old."""

    def __init__(self, pool: Pool, read_pool: Pool, reads: Connections) -> None:
        self._pool = pool
        self._read_pool = read_pool
        self._reads = reads
        self._entries: SingleFlight[Mapping[str, MetricEntry]] = SingleFlight(max_age=1.0)

    async def entry(self, scope: Scope, metric_name: str | None) -> MetricEntry:
        """The entry of that metric, or what holds for a name that was never seen."""
        if not metric_name or "\0" in metric_name:
            return MetricEntry()
        subject = (scope.tenant, metric_name)
        entries = await self._entries.get(subject, "", lambda: self.entries(scope, [metric_name]))
        return entries[metric_name]

    async def entries(
        self, scope: Scope, metric_names: Collection[str]
    ) -> Mapping[str, MetricEntry]:
        """The entry of each of those metrics, as they are now."""
        params = {"tenant": scope.tenant, "metric_names": list(metric_names)}
        rows = await fetch_all(self._read_pool, "catalog_entries", params)
        found = {row["metric_name"]: MetricEntry.model_validate(row) for row in rows}
        return {name: found.get(name, MetricEntry()) for name in metric_names}

    async def rows(self, scope: Scope) -> list[DictRow]:
        """Every metric in scope, by name. One service sees the metrics it has series of."""
        return await fetch_all(self._reads, "catalog", _params(scope, None))

    async def listed(self, scope: Scope) -> list[DictRow]:
        """The same without when they have samples, which is much to look up."""
        return await fetch_all(self._read_pool, "catalog_listed", _params(scope, None))

    async def row(self, scope: Scope, metric_name: str) -> DictRow | None:
        """One metric in scope, with when it has samples."""
        rows = await fetch_all(self._reads, "catalog", _params(scope, metric_name))
        return rows[0] if rows else None

    async def patch(
        self, principal: Principal, metric_name: str, change: CatalogPatch, address: str | None
    ) -> DictRow | None:
        """Apply a change; the entry as it is then (None: no such metric in scope)."""
        scope = principal.scope
        changes = change.model_dump(exclude_unset=True, exclude_none=True)
        if "kind" in changes:
            changes.setdefault("default_aggregation", DEFAULT_AGGREGATION[changes["kind"]])
        fields: dict[str, Any] = dict.fromkeys(CatalogPatch.model_fields)
        one = {"tenant": scope.tenant, "metric_name": metric_name}
        async with connection(self._pool) as conn, conn.transaction():
            before = await run(conn, "catalog_entry_for_update", one)
            after = await run(conn, "update_catalog_entry", fields | changes | one)
            if before != after:
                target = f"metric:{metric_name}"
                await record(
                    conn,
                    principal,
                    "catalog.update",
                    target,
                    before=before[0],
                    after=after[0],
                    address=address,
                )
            rows = await run(conn, "catalog", _params(scope, metric_name))
        self._entries.forget((scope.tenant, metric_name))
        return rows[0] if rows else None


def _params(scope: Scope, metric_name: str | None) -> dict[str, str | None]:
    return {
        "tenant": scope.tenant,
        "only_service": scope.service_name,
        "metric_name": metric_name,
    }
