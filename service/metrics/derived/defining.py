"""Defining derived metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.metrics.ingest.labels import name_problem
from sql.connections import Connection
from sql.database import Pool, connection, run
from sql.errors import Conflict, Forbidden, Invalid, Problem
from sql.formula import (
    Term,
    dimension_of,
    is_linear,
    metrics_of,
    parse,
    usual_unit,
)
from sql.messages import Listing, Message
from sql.vocabulary import DEFAULT_AGGREGATION, FREQUENCIES, Kind, MetricType


@dataclass(frozen=True, slots=True)
class Definition:
    """A derived metric as it is wanted; None: what follows from its metrics, or what it was."""

    formula: str
    metric_type: MetricType | None = None
    kind: Kind | None = None
    unit: str | None = None
    description: str | None = None


async def define_metric(
    pool: Pool, caller: Caller, metric_name: str, definition: Definition
) -> DictRow:
    """The row of a derived metric, new or in place of what it was; the audit log notes it.

    Raises:
        Forbidden: the caller is bound to a service.
        Invalid: the formula says nothing that can be computed.
        Conflict: there are samples of that name, or derived metrics are computed from it.
    """
    if caller.principal.scope.service_name is not None:
        raise Forbidden(Message("A metric that is derived belongs to all services"))
    if problem := name_problem(metric_name):
        raise Invalid(Problem(problem, "metric_name"))
    term = parse(definition.formula)
    names = metrics_of(term)
    one = {"tenant": caller.tenant, "metric_name": metric_name}
    async with connection(pool) as conn, conn.transaction():
        await run(conn, "lock_series")
        asked = {"tenant": caller.tenant, "metric_names": [metric_name, *names]}
        rows = {row["metric_name"]: row for row in await run(conn, "metrics_to_derive_from", asked)}
        before = rows.get(metric_name)
        await _check_free(conn, one, before)
        _check_operands(metric_name, names, rows)
        after = _columns(definition, term, [rows[name] for name in names], before)
        await run(conn, "define_metric", one | after)
        old = before and {name: before[name] for name in ("formula", "unit", "kind", "description")}
        new = {name: after[name] for name in ("formula", "unit", "kind", "description")}
        await caller.record(conn, "catalog.define", f"metric:{metric_name}", before=old, after=new)
        (row,) = await run(conn, "catalog", one | {"only_service": None})
        return row


async def _check_free(conn: Connection, one: Mapping[str, str], before: DictRow | None) -> None:
    if before and before["has_series"]:
        raise Conflict(
            Message(
                "There are samples of {metric}: take another name", {"metric": one["metric_name"]}
            )
        )
    others = [row["metric_name"] for row in await run(conn, "derived_from_metric", dict(one))]
    if others:
        raise Conflict(
            Message("Other metrics are derived from it: {names}", {"names": Listing(tuple(others))})
        )


def _check_operands(
    metric_name: str, names: Sequence[str], rows: Mapping[str, Mapping[str, Any]]
) -> None:
    if not names:
        raise _invalid(Message("The formula names no metric"))
    for name in names:
        if name == metric_name:
            raise _invalid(Message("{name} cannot be computed from itself", {"name": name}))
        if name not in rows:
            raise _invalid(Message("There is no metric {name}", {"name": name}))
        if rows[name]["formula"] is not None:
            message = Message(
                "{name} is derived itself: name the metrics of its formula", {"name": name}
            )
            raise _invalid(message)


def _columns(
    definition: Definition,
    term: Term,
    operands: Sequence[Mapping[str, Any]],
    before: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Of a new metric unit, kind and type follow from those that it is computed from."""
    units = {
        one["metric_name"]: None if one["default_aggregation"] == "count" else one["unit"]
        for one in operands
    }
    unit = usual_unit(dimension_of(term, units))
    kind = definition.kind or _kind(term, operands)
    # As coarse as the coarsest, which a rule or a panel judges by.
    frequency = max((one["frequency"] for one in operands), key=FREQUENCIES.index)
    description = definition.description
    if description is None:
        description = before["description"] if before else ""
    return {
        "metric_type": definition.metric_type or operands[0]["metric_type"],
        "unit": (definition.unit or None) if definition.unit is not None else unit,
        "kind": kind,
        "default_aggregation": DEFAULT_AGGREGATION[kind],
        "frequency": frequency,
        "description": description,
        "formula": definition.formula.strip(),
        "operands": [one["metric_name"] for one in operands],
    }


def _kind(term: Term, operands: Sequence[Mapping[str, Any]]) -> Kind:
    kinds = {one["kind"] for one in operands}
    if len(kinds) == 1 and is_linear(term):
        kind: Kind = kinds.pop()
        return kind
    return "ratio"


def _invalid(message: Message) -> Invalid:
    return Invalid(Problem(message, "formula"))
