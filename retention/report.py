"""Declared against actual policies, sizes and next runs, as a table to read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from retention.apply import actual_policies, complete_keep
from retention.plan import ActualPolicy, describe, kind_of
from retention.policies import Expiry, Policy, declared
from sql.engine import Engine
from sql.errors import translated_errors
from sql.queries import query


@dataclass(frozen=True, slots=True)
class Line:
    """One policy of one relation: the declared one and the one found, None where there is
    none. `bytes` with everything that belongs to the relation.
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


def report(url: str, engine: Engine, keep: Mapping[str, timedelta], now: datetime) -> list[Line]:
    """A line for each declared policy, and for each found that is not declared."""
    with translated_errors(), psycopg.connect(url, row_factory=dict_row, autocommit=True) as conn:
        if engine == "plain":
            return list(_plain_lines(conn, keep))
        sizes = {row["relation"]: row for row in conn.execute(query("table_sizes").body)}
        sizes |= {row["relation"]: row for row in conn.execute(query("relation_sizes").body)}
        runs = {
            row["job_id"]: row["next_start"] for row in conn.execute(query("actual_policies").body)
        }
        wanted = declared(keep, complete_keep(conn, keep, now))
        return list(_lines(wanted, actual_policies(conn), sizes, runs))


def _lines(
    wanted: Sequence[Policy],
    actual: Sequence[ActualPolicy],
    sizes: Mapping[str, DictRow],
    runs: Mapping[int, datetime | None],
) -> Iterator[Line]:
    left = list(actual)
    for policy in wanted:
        found = next(
            (a for a in left if (a.relation, a.kind) == (policy.relation, kind_of(policy))), None
        )
        if found:
            left.remove(found)
        yield _line(policy.relation, policy, found, sizes, runs)
    for extra in left:
        yield _line(extra.relation, None, extra, sizes, runs)


def _line(
    relation: str,
    wanted: Policy | None,
    found: ActualPolicy | None,
    sizes: Mapping[str, DictRow],
    runs: Mapping[int, datetime | None],
) -> Line:
    size = sizes[relation]
    return Line(
        relation=relation,
        wanted=wanted,
        found=found,
        chunks=size["chunks"],
        columnstore_chunks=size["columnstore_chunks"],
        bytes=size["bytes"] or 0,
        oldest=size["oldest"],
        next_run=runs.get(found.job_id) if found else None,
    )


def _plain_lines(
    conn: psycopg.Connection[DictRow], keep: Mapping[str, timedelta]
) -> Iterator[Line]:
    sizes = {row["relation"]: row for row in conn.execute(query("table_sizes").body)}
    for policy in declared(keep):
        if policy.relation not in sizes or kind_of(policy) not in _DELETES:
            continue
        yield Line(
            relation=policy.relation,
            wanted=policy,
            # The service itself does what is declared.
            found=ActualPolicy(0, kind_of(policy), policy.relation, policy),
            chunks=0,
            columnstore_chunks=0,
            bytes=sizes[policy.relation]["bytes"],
            oldest=_oldest(conn, policy),
            next_run=None,
        )


def _oldest(conn: psycopg.Connection[DictRow], policy: Policy) -> datetime | None:
    if isinstance(policy, Expiry):
        return None
    statement = query("oldest_row").format(relation=sql.Identifier("fature", policy.relation))
    row = conn.execute(statement.body).fetchone()
    return row["oldest"] if row else None
