"""Writing down why rules cannot be judged, and that the loop is alive."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from alerts.context import MessageContext
from alerts.memory import Memory, Recorded
from alerts.selection import StoredRule
from alerts.troubles import Change, next_trouble, rows_of, rule_is_silenced
from sql.database import Connection, run
from sql.errors import translated_errors
from sql.messages import Message

_ALIVE_SECONDS = 300.0

_log = structlog.get_logger()


async def record(
    conn: Connection,
    memory: Memory,
    errors: Mapping[int, Message],
    silences: Sequence[Mapping[str, Any]],
    context: MessageContext,
    now: datetime,
) -> None:
    """Write what differs from what is recorded, with the notifications that follow from it."""
    changes: dict[int, tuple[StoredRule, Recorded, Change | None]] = {}
    for stored in memory.stored_rules:
        was = memory.recorded[stored.rule_id]
        error = errors.get(stored.rule_id)
        silenced = rule_is_silenced(stored.tenant, stored.rule_id, stored.rule, silences)
        fails = error is not None
        trouble, change = next_trouble(was.trouble, fails=fails, silenced=silenced, now=now)
        after = Recorded(None if error is None else str(error), trouble)
        if after != was:
            changes[stored.rule_id] = stored, after, change
    with translated_errors():
        if changes:
            await _write(conn, memory, changes, errors, context, now)
        if due := memory.due_heartbeat(now, _ALIVE_SECONDS):
            await run(conn, "record_alert_evaluation", {"rules": due, "at": now})


async def _write(
    conn: Connection,
    memory: Memory,
    changes: Mapping[int, tuple[StoredRule, Recorded, Change | None]],
    errors: Mapping[int, Message],
    context: MessageContext,
    now: datetime,
) -> None:
    rows = [
        {
            "rule_id": rule_id,
            "last_error": after.error,
            "last_error_message": errors.get(rule_id),
            "failing_since": after.trouble.since,
            "failure_notified_at": after.trouble.notified_at,
            "was_notified_at": memory.recorded[rule_id].trouble.notified_at,
        }
        for rule_id, (_, after, _) in changes.items()
    ]
    async with conn.transaction():
        written = await run(conn, "record_alert_errors", {"errors": _json(rows)})
        notifications: list[Mapping[str, Any]] = []
        for rule_id in (row["rule_id"] for row in written):
            stored, after, change = changes[rule_id]
            if change:
                entry = memory.entry_of(stored)
                reason = errors.get(rule_id, Message("it can be judged again"))
                trouble = after.trouble if change == "failing" else memory.recorded[rule_id].trouble
                notifications += rows_of(stored, entry, change, reason, trouble, context, now)
        if notifications:
            await run(conn, "add_alert_notifications", {"notifications": _json(notifications)})
    for rule_id, (_, after, _) in changes.items():
        if after.error and after.error != memory.recorded[rule_id].error:
            _log.warning("alert_rule_broken", rule=rule_id, reason=after.error)
        memory.recorded[rule_id] = after


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
