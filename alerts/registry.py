"""Making, editing and removing rules. Each call is one transaction."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from psycopg.rows import DictRow

from alerts.announce import Voice
from alerts.memory import entry_of_row
from alerts.recipients import kind_of
from alerts.rules import CatalogueEntry, Problem, Rule, as_stored, problems, readable
from alerts.store import close_events
from sql import audit
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import on_violation


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
    """Who edits, when and from where, and how what follows from it is told."""

    actor: str
    now: datetime
    voice: Voice
    address: str | None = None


async def list_rules(pool: Pool, reach: Reach) -> list[DictRow]:
    """Every rule in reach, newest first."""
    return await fetch_all(pool, "list_alert_rules", reach._asdict())


async def find_rule(pool: Pool, reach: Reach, rule_id: int) -> DictRow | None:
    """One rule in reach."""
    rows = await fetch_all(pool, "alert_rule", reach._asdict() | {"rule_id": rule_id})
    return rows[0] if rows else None


async def catalogue(pool: Pool, tenant: str, metrics: Iterable[str]) -> dict[str, CatalogueEntry]:
    """What the catalogue says of these metrics, where it knows them."""
    async with connection(pool) as conn:
        return await _catalogue(conn, tenant, metrics)


async def check_rule(pool: Pool, tenant: str, rule: Rule) -> None:
    """Whether the rule fits what the catalogue says of its metric.

    Raises:
        RuleInvalid: it does not.
    """
    async with connection(pool) as conn:
        await _check(conn, tenant, rule)


async def create_rule(pool: Pool, tenant: str, rule: Rule, author: Author) -> DictRow:
    """The new rule's row.

    Raises:
        RuleInvalid: it does not fit the catalogue.
        NameTaken: another rule has its name.
    """
    async with connection(pool) as conn, conn.transaction():
        await _check(conn, tenant, rule)
        rows = await run(conn, "insert_alert_rule", as_stored(rule) | {"tenant": tenant})
        if not rows:
            raise NameTaken(rule.rule_name)
        await _record(conn, author, "rule.create", after=rows[0])
    return rows[0]


async def replace_rule(
    pool: Pool, reach: Reach, rule_id: int, rule: Rule, author: Author
) -> DictRow | None:
    """The rule's row afterwards, None where there is none in reach; see `change_rule`."""
    return await change_rule(pool, reach, rule_id, lambda _: rule, author)


async def change_rule(
    pool: Pool, reach: Reach, rule_id: int, edit: Callable[[DictRow], Rule], author: Author
) -> DictRow | None:
    """The rule's row afterwards, None where there is none in reach. `edit` makes the rule out
    of the row as it is while nobody else can change it; what it raises changes nothing. Any
    change resolves the rule's open events; no change does nothing.

    Raises:
        RuleInvalid: the rule does not fit the catalogue.
        NameTaken: another rule has its name.
    """
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, reach, rule_id)
        if before is None:
            return None
        rule = edit(before)
        await _check(conn, reach.tenant, rule)
        values = as_stored(rule)
        if all(before[name] == value for name, value in values.items()):
            return before
        edited = not before["is_active"] or rule.is_active
        reason = "The rule was edited" if edited else "The rule was deactivated"
        await _close(conn, before, reason, author)
        after = await _update(conn, values | {"rule_id": rule_id})
        await _record(conn, author, "rule.update", before=before, after=after)
        return after


async def remove_rule(pool: Pool, reach: Reach, rule_id: int, author: Author) -> DictRow | None:
    """The row that is gone, None where there is none in reach. Its events stay, resolved."""
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, reach, rule_id)
        if before is not None:
            await _close(conn, before, "The rule was deleted", author)
            await run(conn, "delete_alert_rule", {"rule_id": rule_id})
            await _record(conn, author, "rule.delete", before=before)
        return before


async def _catalogue(
    conn: Connection, tenant: str, metrics: Iterable[str]
) -> dict[str, CatalogueEntry]:
    names = sorted(set(metrics))
    params = {"tenants": [tenant] * len(names), "metrics": names}
    rows = await run(conn, "alert_catalogue", params)
    return {row["metric_name"]: entry_of_row(row) for row in rows}


async def _check(conn: Connection, tenant: str, rule: Rule) -> None:
    entry = (await _catalogue(conn, tenant, [rule.metric_name])).get(rule.metric_name)
    metric = {"tenant": tenant, "metric_name": rule.metric_name}
    submitted = [row["frequency"] for row in await run(conn, "alert_frequencies", metric)]
    if found := list(problems(rule, entry, submitted)):
        raise RuleInvalid(found)


async def _record(
    conn: Connection,
    author: Author,
    action: str,
    *,
    before: DictRow | None = None,
    after: DictRow | None = None,
) -> None:
    row = after or before
    assert row is not None
    await audit.record(
        conn,
        row["tenant"],
        author.actor,
        action,
        f"rule:{row['rule_id']}",
        before=before and _told(before),
        after=after and _told(after),
        address=author.address,
    )


def _told(row: DictRow) -> dict[str, Any]:
    """What somebody decided about the rule. The path of a URL is a secret at Slack and others:
    only its fingerprint is told.
    """
    recipients = [_without_path(text) for text in row["notification_recipients"]]
    return {name: row[name] for name in as_stored(readable(row))} | {
        "notification_recipients": recipients
    }


def _without_path(recipient: str) -> str:
    if kind_of(recipient) != "http(s) URL":
        return recipient
    parts = urlsplit(recipient)
    fingerprint = hashlib.sha256(recipient.encode()).hexdigest()[:12]
    return f"{parts.scheme}://{parts.hostname}/… ({fingerprint})"


async def _locked(conn: Connection, reach: Reach, rule_id: int) -> DictRow | None:
    params = reach._asdict() | {"rule_id": rule_id}
    rows = await run(conn, "alert_rule_for_update", params)
    return rows[0] if rows else None


async def _close(conn: Connection, row: DictRow, reason: str, author: Author) -> None:
    await close_events(conn, row, readable(row), reason, author.voice, author.now, author.actor)


async def _update(conn: Connection, values: Mapping[str, Any]) -> DictRow:
    with on_violation("alert_rule_tenant_rule_name_key", NameTaken(values["rule_name"])):
        (row,) = await run(conn, "update_alert_rule", values)
    return row
