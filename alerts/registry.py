"""Making, editing and removing rules. Each call is one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import DictRow

from alerts.announce import Voice
from alerts.memory import entry_of_row
from alerts.rules import CatalogueEntry, Problem, Rule, as_stored, problems, readable
from alerts.store import close_events
from sql.database import Connection, Pool, connection, fetch_all, run


class NameTaken(Exception):
    """Another rule of the tenant has that name."""


class RuleInvalid(Exception):
    """The rule does not fit what the catalogue says of its metric."""

    def __init__(self, found: Sequence[Problem]) -> None:
        super().__init__(found[0].message)
        self.problems = found


class Reach(NamedTuple):
    """What a caller sees: one tenant, and within it all services or only one."""

    tenant: str
    only_service: str | None = None


class Author(NamedTuple):
    """Who edits, when, and how what follows from it is told."""

    actor: str
    now: datetime
    voice: Voice


async def list_rules(pool: Pool, reach: Reach) -> list[DictRow]:
    """Every rule in reach, newest first."""
    return await fetch_all(pool, "list_alert_rules", reach._asdict())


async def find_rule(pool: Pool, reach: Reach, rule_id: int) -> DictRow | None:
    """One rule in reach."""
    rows = await fetch_all(pool, "alert_rule", reach._asdict() | {"rule_id": rule_id})
    return rows[0] if rows else None


async def catalogue(pool: Pool, tenant: str, metrics: Iterable[str]) -> dict[str, CatalogueEntry]:
    """What the catalogue says of these metrics, where it knows them."""
    names = sorted(set(metrics))
    params = {"tenants": [tenant] * len(names), "metrics": names}
    rows = await fetch_all(pool, "alert_catalogue", params)
    return {row["metric_name"]: entry_of_row(row) for row in rows}


async def check_rule(pool: Pool, tenant: str, rule: Rule) -> CatalogueEntry | None:
    """What the catalogue says of the rule's metric.

    Raises:
        RuleInvalid: the rule does not fit that.
    """
    entry = (await catalogue(pool, tenant, [rule.metric_name])).get(rule.metric_name)
    if found := list(problems(rule, entry)):
        raise RuleInvalid(found)
    return entry


async def create_rule(pool: Pool, tenant: str, rule: Rule) -> DictRow:
    """The new rule's row.

    Raises:
        RuleInvalid: it does not fit the catalogue.
        NameTaken: another rule has its name.
    """
    await check_rule(pool, tenant, rule)
    rows = await fetch_all(pool, "insert_alert_rule", as_stored(rule) | {"tenant": tenant})
    if not rows:
        raise NameTaken(rule.rule_name)
    return rows[0]


async def replace_rule(
    pool: Pool, reach: Reach, rule_id: int, rule: Rule, author: Author
) -> DictRow | None:
    """The rule's row afterwards, None where there is none in reach. Any change resolves its
    open events; no change does nothing.

    Raises:
        RuleInvalid: it does not fit the catalogue.
        NameTaken: another rule has its name.
    """
    await check_rule(pool, reach.tenant, rule)
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, reach, rule_id)
        if before is None:
            return None
        values = as_stored(rule)
        if all(before[name] == value for name, value in values.items()):
            return before
        edited = not before["is_active"] or rule.is_active
        reason = "The rule was edited" if edited else "The rule was deactivated"
        await _close(conn, before, reason, author)
        return await _update(conn, values | {"rule_id": rule_id})


async def remove_rule(pool: Pool, reach: Reach, rule_id: int, author: Author) -> DictRow | None:
    """The row that is gone, None where there is none in reach. Its events stay, resolved."""
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, reach, rule_id)
        if before is not None:
            await _close(conn, before, "The rule was deleted", author)
            await run(conn, "delete_alert_rule", {"rule_id": rule_id})
        return before


async def _locked(conn: Connection, reach: Reach, rule_id: int) -> DictRow | None:
    params = reach._asdict() | {"rule_id": rule_id}
    rows = await run(conn, "alert_rule_for_update", params)
    return rows[0] if rows else None


async def _close(conn: Connection, row: DictRow, reason: str, author: Author) -> None:
    await close_events(conn, row, readable(row), reason, author.voice, author.now, author.actor)


async def _update(conn: Connection, values: Mapping[str, Any]) -> DictRow:
    try:
        (row,) = await run(conn, "update_alert_rule", values)
    except psycopg.errors.UniqueViolation as error:
        raise NameTaken(values["rule_name"]) from error
    return row
