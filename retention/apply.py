"""Bring the database in line with the declared policies."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog
from psycopg import Connection, sql
from psycopg.rows import DictRow, dict_row

from retention.plan import ActualPolicy, Plan, describe, first_run, kind_of, plan
from retention.policies import (
    Columnstore,
    Corrected,
    Expiry,
    Policy,
    Refresh,
    Retention,
    accept_ages,
    complete,
    declared,
)
from sql import audit
from sql.connections import liveness
from sql.engine import Engine
from sql.errors import translated_errors
from sql.statements import query
from sql.vocabulary import FREQUENCIES, Frequency

IDEMPOTENCY_KEEP = timedelta(hours=24)
# A counter that comes again after so long begins anew.
SOURCE_KEEP = timedelta(days=90)
_BATCH = 20_000
_log = structlog.get_logger()


def reconcile(
    url: str,
    engine: Engine,
    keep: Mapping[str, timedelta],
    timezone: ZoneInfo,
    now: datetime,
    actor: str = "service",
) -> Plan:
    """Make the database's policies the declared ones; returns what was changed. Where that
    is how long anything is kept, the audit log has it with `actor`.

    The plain engine has no policies: there `delete_expired` does what they would.
    """
    if engine == "plain":
        return Plan([], [])
    with translated_errors(), psycopg.connect(url, row_factory=dict_row, **liveness(url)) as conn:
        conn.execute(query("lock_policies").body)
        actual = actual_policies(conn.execute(query("actual_policies").body))
        _record_dropped(conn, keep, actual, now)
        changes = plan(declared(keep, complete_keep(conn, keep, now)), actual)
        for found in changes.remove:
            conn.execute(query("remove_policy").body, {"job_id": found.job_id})
        for position, policy in enumerate(changes.add):
            _add(conn, policy, first_run(policy, position, now, timezone), timezone)
        _record_retention(conn, changes, actor)
    if changes:
        _log.info("policies_reconciled", removed=len(changes.remove), added=len(changes.add))
    return changes


def _record_retention(conn: Connection[DictRow], changes: Plan, actor: str) -> None:
    removed = [found.policy for found in changes.remove if found.policy]
    before, after = _kept(removed), _kept(changes.add)
    if before != after:
        entry = audit.entry(
            "default", actor, "retention.apply", "retention", before=before, after=after
        )
        conn.execute(query("record_audit").body, entry)


def _kept(policies: Sequence[Policy]) -> dict[str, str]:
    return {
        policy.relation: describe(policy)
        for policy in policies
        if isinstance(policy, Retention | Expiry)
    }


def complete_keep(
    conn: Connection[DictRow], keep: Mapping[str, timedelta], now: datetime
) -> dict[str, timedelta]:
    """`keep`, but no further back than all samples are still there."""
    return complete(keep, dropped_before(conn.execute(query("samples_dropped").body)), now)


def dropped_before(rows: Iterable[DictRow]) -> dict[str, datetime]:
    """Before when samples may be gone, by frequency, of the rows of ``samples_dropped``."""
    return {row["frequency"]: row["before"] for row in rows}


def accept_windows(
    url: str, keep: Mapping[str, timedelta], now: datetime
) -> dict[Frequency, timedelta]:
    """The greatest age of a sample that this database accepts, by frequency."""
    with translated_errors(), psycopg.connect(url, row_factory=dict_row, **liveness(url)) as conn:
        return accept_ages(complete_keep(conn, keep, now))


def _record_dropped(
    conn: Connection[DictRow],
    keep: Mapping[str, timedelta],
    actual: Sequence[ActualPolicy],
    now: datetime,
) -> None:
    """Remember what a shorter retention than the declared one may have dropped by now."""
    kept = {
        found.policy.relation: found.policy.keep
        for found in actual
        if isinstance(found.policy, Retention)
    }
    for frequency in FREQUENCIES:
        before = kept.get(f"sample_{frequency}")
        if before is not None and before < keep[frequency]:
            conn.execute(
                query("record_dropped").body, {"frequency": frequency, "before": now - before}
            )


def actual_policies(rows: Iterable[DictRow]) -> list[ActualPolicy]:
    """The policies the database has on the service's relations, of the rows of that query."""
    return [
        ActualPolicy(
            row["job_id"], row["kind"], row["relation"], _as_declared(row), row["next_start"]
        )
        for row in rows
    ]


def delete_expired(
    url: str, engine: Engine, keep: Mapping[str, timedelta], now: datetime
) -> dict[str, int]:
    """Delete what no policy drops: forgotten idempotency keys, sources that send nothing any
    more and, on the plain engine, samples, health reports and resolved alert events past their
    time. Returns rows by relation.
    """
    deleted: dict[str, int] = {}
    with translated_errors(), psycopg.connect(url, autocommit=True, **liveness(url)) as conn:
        forgotten = conn.execute(
            query("forget_idempotency_keys").body, {"before": now - IDEMPOTENCY_KEEP}
        )
        deleted["idempotency"] = forgotten.rowcount
        silent = conn.execute(query("forget_sources").body, {"before": now - SOURCE_KEEP})
        deleted["source"] = silent.rowcount
        if engine == "plain":
            for policy in declared(keep):
                if isinstance(policy, Retention) and not policy.relation.startswith("rollup"):
                    deleted[policy.relation] = _delete_before(conn, policy, now)
                if isinstance(policy, Expiry):
                    before = {"before": now - policy.keep}
                    done = conn.execute(query("delete_resolved_alert_events").body, before)
                    deleted[policy.relation] = done.rowcount
    _log.info("expired_deleted", **deleted)
    return deleted


def _delete_before(conn: Connection[Any], policy: Retention, now: datetime) -> int:
    relation = sql.Identifier("fature", policy.relation)
    statement = query("delete_batch").format(relation=relation)
    total = 0
    while True:
        cursor = conn.execute(statement.body, {"before": now - policy.keep, "batch": _BATCH})
        total += cursor.rowcount
        if cursor.rowcount < _BATCH:
            return total


def _as_declared(row: DictRow) -> Policy | None:
    match row["kind"]:
        case "retention" if row["keep"]:
            return Retention(row["relation"], row["keep"])
        case "expiry" if row["keep"]:
            return Expiry(row["relation"], row["keep"])
        case "corrected":
            return Corrected(row["relation"], row["schedule_interval"])
        case "columnstore" if row["after"]:
            return Columnstore(row["relation"], row["after"])
        case "refresh" if (
            row["start_offset"] and row["end_offset"] and row["buckets_per_batch"] == 0
        ):
            return Refresh(
                row["relation"], row["start_offset"], row["end_offset"], row["schedule_interval"]
            )
    return None


def _add(
    conn: Connection[DictRow], policy: Policy, initial_start: datetime, timezone: ZoneInfo
) -> None:
    params: dict[str, Any] = {
        "relation": f"fature.{policy.relation}",
        "initial_start": initial_start.astimezone(UTC),
        "timezone": str(timezone),
    }
    match policy:
        case Retention(keep=keep) | Expiry(keep=keep):
            params |= {"keep": keep}
        case Columnstore(after=after):
            params |= {"after": after}
        case Refresh(start=start, end=end, every=every):
            params |= {"start": start, "end": end, "every": every}
        case Corrected(every=every):
            params |= {"every": every}
    conn.execute(query(f"add_{kind_of(policy)}").body, params)
