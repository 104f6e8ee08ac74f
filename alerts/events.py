"""Reading events, and what people do to them. Each call is one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from psycopg.rows import DictRow

from alerts.announce import announce
from alerts.context import Author
from alerts.decision import State, resolved_by_hand
from alerts.rule_rows import readable
from alerts.rules import Rule
from alerts.steps import Step
from sql import audit
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import Conflict, missing
from sql.messages import Message, from_json
from sql.scope import Scope
from sql.vocabulary import EventStatus, Severity

UNRESOLVED: tuple[EventStatus, ...] = ("open", "acknowledged")


class Filters(NamedTuple):
    """Which events; None lets all through. They were opened from `since` up to `before`."""

    status: EventStatus | None = None
    severity: Severity | None = None
    rule_id: int | None = None
    metric_names: Sequence[str] | None = None
    since: datetime | None = None
    before: datetime | None = None


async def list_events(
    pool: Pool,
    scope: Scope,
    filters: Filters,
    limit: int,
    cursor: tuple[datetime, int] | None = None,
) -> list[DictRow]:
    """Up to `limit` events in scope that pass the filters, newest first; with a cursor those
    after it.
    """
    at, number = cursor or ("infinity", 2**63 - 1)
    params: dict[str, Any] = scope.params | filters._asdict()
    params["since"] = filters.since or "-infinity"
    params["before"] = filters.before or "infinity"
    params |= {"cursor_at": at, "cursor_id": number, "limit": limit}
    return await fetch_all(pool, "list_alert_events", params)


async def firing_rules(pool: Pool, scope: Scope) -> set[int]:
    """The rules that have an event in scope which is not resolved."""
    return {row["rule_id"] for row in await fetch_all(pool, "firing_rules", scope.params)}


async def find_event(pool: Pool, scope: Scope, event_id: int) -> DictRow:
    """One event.

    Raises:
        NotFound: there is none of that number in scope.
    """
    rows = await fetch_all(pool, "alert_event", scope.params | {"event_id": event_id})
    if not rows:
        raise missing("event", event_id)
    return rows[0]


async def history(pool: Pool, event_id: int) -> list[DictRow]:
    """Every transition of the event, oldest first; its reason as text and as a message."""
    rows = await fetch_all(pool, "alert_transitions", {"event_id": event_id})
    return [row | {"reason_message": _message(row, "reason")} for row in rows]


async def deliveries(pool: Pool, event_id: int) -> list[DictRow]:
    """Every attempt to notify a recipient of the event, newest first; its detail as text and as
    a message.
    """
    rows = await fetch_all(pool, "alert_deliveries", {"event_id": event_id})
    return [row | {"detail_message": _message(row, "detail")} for row in rows]


async def dead_notifications(pool: Pool, scope: Scope, since: datetime) -> DictRow:
    """The `number` of notifications that never arrived since then, when the newest was made and,
    if it is of one, its `event_id`.
    """
    (row,) = await fetch_all(pool, "dead_notifications", scope.params | {"since": since})
    return row


def _message(row: DictRow, name: str) -> Message | None:
    stored = row[f"{name}_message"]
    if stored is not None:
        return from_json(stored)
    return None if row[name] is None else Message(row[name])


async def acknowledge(
    pool: Pool, scope: Scope, event_id: int, comment: str | None, author: Author
) -> DictRow:
    """Acknowledge the event, which is then not repeated any more. Returns its row.

    Raises:
        NotFound: there is no such event in scope.
        Conflict: it is resolved.
    """
    async with connection(pool) as conn, conn.transaction():
        before = await _open_event(conn, scope, event_id)
        event = await _act(conn, "acknowledge_alert_event", event_id, comment, author)
        state = await _state(conn, event)
        if state and state.phase == "open":
            await _remember(conn, event, msgspec.structs.replace(state, acknowledged=True))
        reason = Message("Acknowledged by {name}", {"name": author.actor})
        await _announce(conn, event, "acknowledged", reason, comment, author)
        await record_act(conn, "event.acknowledge", before, event, author)
        return event


async def resolve(
    pool: Pool, scope: Scope, event_id: int, comment: str | None, author: Author
) -> DictRow:
    """Resolve the event; its rule does not open another for that group until the condition
    has cleared once. Its row then.

    Raises:
        NotFound: there is no such event in scope.
        Conflict: it is resolved already.
    """
    async with connection(pool) as conn, conn.transaction():
        before = await _open_event(conn, scope, event_id)
        if state := await _state(conn, before):
            await _remember(conn, before, resolved_by_hand(state, author.now))
        event = await _act(conn, "resolve_alert_event", event_id, comment, author)
        reason = Message("Resolved by {name}", {"name": author.actor})
        await _announce(conn, event, "resolved", reason, comment, author)
        await record_act(conn, "event.resolve", before, event, author)
        return event


async def _open_event(conn: Connection, scope: Scope, event_id: int) -> DictRow:
    params = scope.params | {"event_id": event_id}
    found = await run(conn, "alert_event", params)
    if not found:
        raise missing("event", event_id)
    await _state(conn, found[0])
    (event,) = await run(conn, "alert_event_for_update", params)
    if event["status"] == "resolved":
        raise Conflict(Message("The event is already resolved"))
    return event


async def _act(
    conn: Connection, name: str, event_id: int, comment: str | None, author: Author
) -> DictRow:
    params = {
        "event_id": event_id,
        "at": author.now,
        "actor": author.actor,
        "comment": comment,
    }
    (event,) = await run(conn, name, params)
    return event


async def _state(conn: Connection, event: DictRow) -> State | None:
    """The state of an event's (rule, group), locked."""
    rows = await run(conn, "alert_state_for_update", _key(event))
    return msgspec.json.decode(rows[0]["state"], type=State) if rows else None


async def _remember(conn: Connection, event: DictRow, state: State) -> None:
    text = msgspec.json.encode(state).decode()
    await run(conn, "set_alert_state", _key(event) | {"state": text})


async def _announce(
    conn: Connection,
    event: DictRow,
    transition: str,
    reason: Message,
    comment: str | None,
    author: Author,
) -> None:
    step = Step(
        event,
        await _rule_of(conn, event),
        transition,
        reason,
        author.now,
        actor=author.actor,
        comment=comment,
    )
    await announce(conn, [step], author.context, author.now)


async def record_act(
    conn: Connection, action: str, before: DictRow, after: DictRow, author: Author
) -> None:
    """Note in the audit log what a person did to an event."""
    shown = ("rule_name", "status", "comment")
    await audit.record(
        conn,
        after["tenant"],
        author.actor,
        action,
        f"event:{after['event_id']}",
        before={name: before[name] for name in shown},
        after={name: after[name] for name in shown},
        address=author.address,
    )


async def _rule_of(conn: Connection, event: DictRow) -> Rule:
    rows = await run(conn, "alert_rules_by_id", {"rules": [event["rule_id"]]})
    return readable(rows[0])


def _key(event: DictRow) -> dict[str, Any]:
    labels = msgspec.json.encode(event["group_labels"]).decode()
    return {"rule_id": event["rule_id"], "group_labels": labels}
