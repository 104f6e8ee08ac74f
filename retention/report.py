"""Declared against actual policies, sizes and next runs, as a table to read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from retention.apply import actual_policies, dropped_before
from retention.plan import ActualPolicy, describe, kind_of
from retention.policies import Policy, Retention, complete, declared
from sql.connections import liveness
from sql.engine import Engine
from sql.errors import translated_errors
from sql.statements import Query, query, union_all


@dataclass(frozen=True, slots=True)
class Line:
    """One policy of one relation: the declared one and the one found, None where there is
    none. `bytes` with everything that belongs to the relation; `oldest` is its oldest sample, or
    the oldest bucket that a rollup has materialised.
    """

    relation: str
    wanted: Policy | None
    found: ActualPolicy | None
    chunks: int
    columnstore_chunks: int
    bytes: int
    oldest: datetime | None
    next_run: datetime | None

    @property
    def declared(self) -> str:
        """In words what is declared."""
        return describe(self.wanted) if self.wanted else "nothing"

    @property
    def actual(self) -> str:
        """In words what the database does."""
        if self.found is None:
            return "nothing"
        return (
            describe(self.found.policy)
            if self.found.policy
            else f"{self.found.kind} with open ends"
        )

    @property
    def in_line(self) -> bool:
        """Whether the database does what is declared."""
        return self.declared == self.actual


_DELETES = ("retention", "expiry")
Rows = Mapping[str, Sequence[DictRow]]


def questions(engine: Engine, keep: Mapping[str, timedelta]) -> dict[str, Query]:
    """The queries that `lines` needs, by the name that it knows their rows by."""
    oldest = [
        query("oldest_row").format(
            name=sql.Literal(policy.relation),
            relation=sql.Identifier("fature", policy.relation),
        )
        for policy in _done_by_the_service(keep)
        if isinstance(policy, Retention)
    ]
    names = ["table_sizes"]
    if engine == "timescale":
        names += ["actual_policies", "samples_dropped", "relation_sizes", "oldest_buckets"]
    return {
        **{name: query(name) for name in names},
        "oldest_rows": Query("oldest_rows", union_all(oldest)),
    }


def lines(engine: Engine, found: Rows, keep: Mapping[str, timedelta], now: datetime) -> list[Line]:
    """A line for each declared policy, and for each found that is not declared, of the answers
    to `questions`; pure.
    """
    sizes = {row["relation"]: row for row in found["table_sizes"]}
    if engine == "timescale":
        sizes |= {row["relation"]: row for row in found["relation_sizes"]}
    for row in (*found["oldest_rows"], *found.get("oldest_buckets", ())):
        sizes[row["relation"]] = sizes[row["relation"]] | row
    if engine == "plain":
        return [
            _line(
                policy.relation,
                policy,
                # The service itself does what is declared.
                ActualPolicy(0, kind_of(policy), policy.relation, policy),
                sizes[policy.relation],
            )
            for policy in _done_by_the_service(keep)
        ]
    wanted = declared(keep, complete(keep, dropped_before(found["samples_dropped"]), now))
    return list(_pairs(wanted, actual_policies(found["actual_policies"]), sizes))


def report(url: str, engine: Engine, keep: Mapping[str, timedelta], now: datetime) -> list[Line]:
    """The same, asked on a connection of its own."""
    with (
        translated_errors(),
        psycopg.connect(url, row_factory=dict_row, autocommit=True, **liveness(url)) as conn,
    ):
        asked = questions(engine, keep)
        found = {name: conn.execute(one.body).fetchall() for name, one in asked.items()}
    return lines(engine, found, keep, now)


def _pairs(
    wanted: Sequence[Policy], actual: Sequence[ActualPolicy], sizes: Mapping[str, DictRow]
) -> Iterator[Line]:
    left = list(actual)
    for policy in wanted:
        found = next(
            (a for a in left if (a.relation, a.kind) == (policy.relation, kind_of(policy))), None
        )
        if found:
            left.remove(found)
        yield _line(policy.relation, policy, found, sizes[policy.relation])
    for extra in left:
        yield _line(extra.relation, None, extra, sizes[extra.relation])


def _line(relation: str, wanted: Policy | None, found: ActualPolicy | None, size: DictRow) -> Line:
    return Line(
        relation=relation,
        wanted=wanted,
        found=found,
        chunks=size["chunks"],
        columnstore_chunks=size["columnstore_chunks"],
        bytes=size["bytes"] or 0,
        oldest=size["oldest"],
        next_run=found.next_run if found else None,
    )


def _done_by_the_service(keep: Mapping[str, timedelta]) -> list[Policy]:
    """The deletions that the service does on the plain engine, which keeps no rollups."""
    return [
        policy
        for policy in declared(keep)
        if kind_of(policy) in _DELETES and not policy.relation.startswith("rollup")
    ]
