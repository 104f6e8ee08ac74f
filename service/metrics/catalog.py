"""The catalogue: the metrics that there are, and how each is added up."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import Any

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.metrics.query.single_flight import SingleFlight
from sql.database import Connections, Pool, connection, fetch_all, run
from sql.errors import Invalid, NotFound, Problem, missing
from sql.formula import Term, metrics_of, parse
from sql.messages import Listing, Message, Value
from sql.scope import Scope
from sql.vocabulary import DEFAULT_AGGREGATION, GROUPABLE, LABELS, Aggregation, Kind


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """The part of a catalogue entry that queries need; the defaults are those of a name that was
    never seen.
    """

    metric_name: str
    default_aggregation: Aggregation = "sum"
    dimensions: tuple[str, ...] = ()
    unit: str | None = None
    kind: Kind = "flow"
    is_known: bool = False
    derivation: "Derivation | None" = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What it can be filtered and grouped by: of a derived one not by unit."""
        return (*(LABELS if self.derivation else GROUPABLE), *self.dimensions)

    @property
    def submitted(self) -> list[str]:
        """The metrics whose samples it is about: itself, or those that it is computed from."""
        if self.derivation is None:
            return [self.metric_name]
        return [one.metric_name for one in self.derivation.operands]


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a derived metric is computed: the term of its formula, and the metrics that it names."""

    formula: str
    term: Term
    operands: tuple[MetricEntry, ...]


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """Changes to a catalogue entry; None leaves a field as it is, an empty unit is none. The
    aggregation follows a change of kind unless it is given.
    """

    kind: Kind | None = None
    default_aggregation: Aggregation | None = None
    unit: str | None = None
    units: Sequence[str] | None = None
    description: str | None = None
    dimensions: Sequence[str] | None = None

    @property
    def params(self) -> dict[str, Any]:
        """As parameters of a statement."""
        values = asdict(self)
        if self.kind and not self.default_aggregation:
            values["default_aggregation"] = DEFAULT_AGGREGATION[self.kind]
        return values


class Catalog:
    """Reads and edits the catalogue; entries are at most a second old."""

    def __init__(self, pool: Pool, read_pool: Pool, reads: Connections) -> None:
        self._pool = pool
        self._read_pool = read_pool
        self._reads = reads
        self._entries: SingleFlight[Mapping[str, MetricEntry]] = SingleFlight(max_age=1.0)

    async def entry(self, scope: Scope, metric_name: str) -> MetricEntry:
        """The entry of that metric, or the defaults."""
        if "\0" in metric_name:
            return MetricEntry(metric_name)
        subject = (scope.tenant, metric_name)
        entries = await self._entries.get(subject, "", lambda: self.entries(scope, [metric_name]))
        if not entries[metric_name].is_known:
            # Its first sample may just have been committed.
            entries = await self.entries(scope, [metric_name])
        return entries[metric_name]

    def forget(self, metrics: Iterable[tuple[str, str]]) -> None:
        """Read the entries of these metrics (tenant, name) anew: they are gone."""
        for metric in metrics:
            self._entries.forget(metric)

    async def check_known(self, scope: Scope, metric: MetricEntry) -> None:
        """Refuse a metric that was never submitted, or of which the service that the scope is
        bound to has no series.

        Raises:
            NotFound: there is none of that name in scope; named are those most like it.
        """
        if metric.is_known and scope.service_name is None:
            return
        rows = await fetch_all(self._read_pool, "metric_names", _params(scope, None))
        names = [row["metric_name"] for row in rows]
        if metric.metric_name in names:
            return
        near = await asyncio.to_thread(get_close_matches, metric.metric_name, names, 3, 0.6)
        raise _unknown(metric.metric_name, near)

    async def entries(
        self, scope: Scope, metric_names: Collection[str]
    ) -> Mapping[str, MetricEntry]:
        """The entry of each of those metrics, as they are now."""
        params = {"tenant": scope.tenant, "metric_names": list(metric_names)}
        rows = await fetch_all(self._read_pool, "catalog_entries", params)
        found = {row["metric_name"]: entry_of(row) for row in rows}
        if formulas := {row["metric_name"]: row["formula"] for row in rows if row["formula"]}:
            found |= await self._derived(scope, found, formulas)
        return {name: found.get(name) or MetricEntry(name) for name in metric_names}

    async def entries_of(
        self, scope: Scope, rows: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, MetricEntry]:
        """The entries of some rows of the catalogue, by name."""
        found = {row["metric_name"]: entry_of(row) for row in rows}
        derived = [row["metric_name"] for row in rows if row.get("formula")]
        return {**found, **await self.entries(scope, derived)} if derived else found

    async def _derived(
        self, scope: Scope, entries: Mapping[str, MetricEntry], formulas: Mapping[str, str]
    ) -> dict[str, MetricEntry]:
        """The entries of derived metrics with what they are computed from."""
        terms = {name: parse(formula) for name, formula in formulas.items()}
        named = {one for term in terms.values() for one in metrics_of(term)}
        operands = await self.entries(scope, named - formulas.keys())
        return {
            name: replace(
                entries[name],
                derivation=Derivation(
                    formulas[name], term, tuple(operands[one] for one in metrics_of(term))
                ),
            )
            for name, term in terms.items()
        }

    async def rows(self, scope: Scope) -> list[DictRow]:
        """Every metric in scope, by name. One service sees the metrics it has series of."""
        return await fetch_all(self._reads, "catalog", _params(scope, None))

    async def listed(self, scope: Scope) -> list[DictRow]:
        """The same without when they have samples, which is much to look up."""
        return await fetch_all(self._read_pool, "catalog_listed", _params(scope, None))

    async def row(self, scope: Scope, metric_name: str) -> DictRow:
        """One metric in scope, with when it has samples.

        Raises:
            NotFound: there is none of that name.
        """
        known = "\0" not in metric_name
        rows = known and await fetch_all(self._reads, "catalog", _params(scope, metric_name))
        if not rows:
            raise missing("metric", metric_name)
        return rows[0]

    async def change(self, caller: Caller, metric_name: str, change: CatalogChange) -> DictRow:
        """The entry as it is after a change, which the audit log notes.

        Raises:
            NotFound: there is no such metric in scope.
            Invalid: what is to change of a derived metric is that of its metrics.
        """
        scope = caller.principal.scope
        one = {"tenant": scope.tenant, "metric_name": metric_name}
        async with connection(self._pool) as conn, conn.transaction():
            before = await run(conn, "catalog_entry_for_update", one)
            if before and before[0]["formula"] is not None:
                _check_derived(change, before[0])
            after = await run(conn, "update_catalog_entry", change.params | one)
            if before != after:
                target = f"metric:{metric_name}"
                await caller.record(
                    conn, "catalog.update", target, before=before[0], after=after[0]
                )
            rows = await run(conn, "catalog", _params(scope, metric_name))
        self._entries.forget((scope.tenant, metric_name))
        if not rows:
            raise missing("metric", metric_name)
        return rows[0]


def entry_of(row: Mapping[str, Any]) -> MetricEntry:
    """The entry that a row of the catalogue holds."""
    return MetricEntry(
        row["metric_name"],
        row["default_aggregation"],
        tuple(row["dimensions"]),
        row["unit"],
        row["kind"],
        is_known=True,
    )


def _check_derived(change: CatalogChange, before: Mapping[str, Any]) -> None:
    for name in ("default_aggregation", "units", "dimensions"):
        wanted = getattr(change, name)
        if wanted is not None and wanted != before[name]:
            message = Message("It is derived: change the metrics of its formula")
            raise Invalid(Problem(message, name))


def _unknown(name: str, near: Sequence[str]) -> NotFound:
    if not near:
        return missing("metric", name)
    values: dict[str, Value] = {"name": name, "names": Listing(tuple(near), "or")}
    return NotFound(Message("There is no metric {name}; did you mean {names}?", values))


def _params(scope: Scope, metric_name: str | None) -> dict[str, str | None]:
    return {
        "tenant": scope.tenant,
        "only_service": scope.service_name,
        "metric_name": metric_name,
    }
