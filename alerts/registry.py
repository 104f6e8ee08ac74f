"""Making, editing and removing rules. Each call is one transaction."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from psycopg.rows import DictRow

from alerts.context import Author
from alerts.errors import name_taken, of_another_service
from alerts.recipients import kind_of
from alerts.rule_problems import problems
from alerts.rule_rows import KEEPS_EVENTS, as_stored, readable
from alerts.rules import Rule
from alerts.selection import entry_of_row
from alerts.store import close_events
from alerts.watched import CatalogueEntry
from sql import audit
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import Invalid, missing, on_violation
from sql.messages import Message
from sql.scope import Scope

# Columns that hold JSON.
_JSON = ("filters", "schedule")
EDITED = Message("The rule was edited")
DEACTIVATED = Message("The rule was deactivated")


async def list_rules(pool: Pool, scope: Scope) -> list[DictRow]:
    """Every rule in scope, newest first."""
    return await fetch_all(pool, "list_alert_rules", scope.params)


async def find_rule(pool: Pool, scope: Scope, rule_id: int) -> DictRow:
    """One rule.

    Raises:
        NotFound: there is none of that number in scope.
    """
    rows = await fetch_all(pool, "alert_rule", scope.params | {"rule_id": rule_id})
    if not rows:
        raise missing("rule", rule_id)
    return rows[0]


def last_error_of(row: DictRow) -> Message | None:
    """Why the rule of a row cannot be judged at present."""
    stored, text = row["last_error_message"], row["last_error"]
    if stored is not None:
        return msgspec.convert(stored, Message)
    return None if text is None else Message(text)


async def catalogue(pool: Pool, tenant: str, metrics: Iterable[str]) -> dict[str, CatalogueEntry]:
    """The catalogue's entries of these metrics, where it has them."""
    async with connection(pool) as conn:
        return await _catalogue(conn, tenant, metrics)


async def check_rule(pool: Pool, scope: Scope, rule: Rule) -> None:
    """True where the rule is one that may be made in scope.

    Raises:
        Forbidden: it is not of the caller's service.
        Invalid: it does not fit what the catalogue says of its metric.
    """
    async with connection(pool) as conn:
        await _check(conn, scope, rule)


async def create_rule(pool: Pool, scope: Scope, rule: Rule, author: Author) -> DictRow:
    """The new rule's row.

    Raises:
        Forbidden, Invalid: as `check_rule`.
        Conflict: another rule has its name.
    """
    async with connection(pool) as conn, conn.transaction():
        await _check(conn, scope, rule)
        rows = await run(conn, "insert_alert_rule", _params(rule) | {"tenant": scope.tenant})
        if not rows:
            raise name_taken(rule.rule_name)
        await _record(conn, author, "rule.create", after=rows[0])
    return rows[0]


async def replace_rule(
    pool: Pool, scope: Scope, rule_id: int, rule: Rule, author: Author
) -> DictRow:
    """The rule's row afterwards; see `change_rule`."""
    return await change_rule(pool, scope, rule_id, lambda _: rule, author)


async def change_rule(
    pool: Pool, scope: Scope, rule_id: int, edit: Callable[[DictRow], Rule], author: Author
) -> DictRow:
    """The rule's row afterwards. `edit` makes the rule out of the row, which is locked meanwhile;
    an exception of it changes nothing. A change of fields that decide when the rule fires
    resolves its open events; one of texts, severity, channels, recipients or how often they are
    notified keeps them and notifies no recipient again. No change does nothing.

    Raises:
        NotFound: there is no such rule in scope.
        Forbidden, Invalid: as `check_rule`.
        Conflict: another rule has its name.
    """
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, scope, rule_id)
        rule = edit(before)
        await _check(conn, scope, rule)
        values = as_stored(rule)
        changed = {name for name, value in values.items() if before[name] != value}
        if not changed:
            return before
        if not changed <= KEEPS_EVENTS:
            edited = not before["is_active"] or rule.is_active
            await _close(conn, before, EDITED if edited else DEACTIVATED, author)
        after = await _update(conn, rule, rule_id)
        kept = {"rule_id": rule_id, "version": after["version"]}
        await run(conn, "keep_alert_states", kept)
        await _record(conn, author, "rule.update", before=before, after=after)
        return after


async def remove_rule(pool: Pool, scope: Scope, rule_id: int, author: Author) -> DictRow:
    """The row that is gone. Its events stay, resolved.

    Raises:
        NotFound: there is no such rule in scope.
    """
    async with connection(pool) as conn, conn.transaction():
        before = await _locked(conn, scope, rule_id)
        await _close(conn, before, Message("The rule was deleted"), author)
        await run(conn, "delete_alert_rule_notifications", {"rule_id": rule_id})
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


async def _check(conn: Connection, scope: Scope, rule: Rule) -> None:
    own, tenant = scope.service_name, scope.tenant
    if own is not None and own != rule.service_name:
        raise of_another_service(own)
    entry = (await _catalogue(conn, tenant, [rule.metric_name])).get(rule.metric_name)
    metric = {"tenant": tenant, "metric_name": rule.metric_name}
    submitted = [row["frequency"] for row in await run(conn, "alert_frequencies", metric)]
    if found := list(problems(rule, entry, submitted)):
        raise Invalid(*found)


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
        before=before and _audited(before),
        after=after and _audited(after),
        address=author.address,
    )


def _audited(row: DictRow) -> dict[str, Any]:
    """The fields of the rule for the audit log. The path of a URL is a secret at Slack and others:
    only its fingerprint is kept.
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


async def _locked(conn: Connection, scope: Scope, rule_id: int) -> DictRow:
    params = scope.params | {"rule_id": rule_id}
    rows = await run(conn, "alert_rule_for_update", params)
    if not rows:
        raise missing("rule", rule_id)
    return rows[0]


async def _close(conn: Connection, row: DictRow, reason: Message, author: Author) -> None:
    await close_events(conn, row, readable(row), reason, author.context, author.now, author.actor)


async def _update(conn: Connection, rule: Rule, rule_id: int) -> DictRow:
    with on_violation("alert_rule_tenant_rule_name_key", name_taken(rule.rule_name)):
        (row,) = await run(conn, "update_alert_rule", _params(rule) | {"rule_id": rule_id})
    return row


def _params(rule: Rule) -> dict[str, Any]:
    values = as_stored(rule)
    return values | {name: msgspec.json.encode(values[name]).decode() for name in _JSON}
