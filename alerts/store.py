"""Writing what a tick decided: states, events, history and outbox in one transaction.

A state is written only where it is still what the tick read, and only for the version of
the rule it was decided by. So a person's click, an edit or a second loop that got in
between wins, and the tick's own decision is dropped and made anew at the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from alerts.announce import announce
from alerts.context import MessageContext
from alerts.decision import Observation, State, Transition, limit
from alerts.rule_rows import as_stored, without_recipients
from alerts.rules import Rule
from alerts.selection import Group, Plan
from alerts.steps import Step, group_key
from sql.database import Connection, run
from sql.errors import DatabaseError, translated_errors
from sql.messages import Message


@dataclass(frozen=True, slots=True)
class Decided:
    """A (rule, group) whose state changed; `was` is the state's text as it was read."""

    plan: Plan
    group: Group
    observation: Observation
    was: str | None
    state: State
    transitions: Sequence[Transition]

    @property
    def key(self) -> tuple[int, str]:
        """The key of its (rule, group)."""
        return self.plan.stored.rule_id, self.group.key


async def commit(
    conn: Connection, decided: Sequence[Decided], context: MessageContext, now: datetime
) -> dict[int, Message]:
    """Write everything in one transaction; where that fails, each by itself. Returns the
    rules that could not be written, with the reason.

    Raises:
        DatabaseUnavailable: nothing is known to be written.
    """
    if not decided:
        return {}
    try:
        await _commit(conn, decided, context, now)
    except DatabaseError as error:
        if conn.closed:
            raise
        if len(decided) == 1:
            reason = Message("it cannot be recorded: {reason}", {"reason": str(error)})
            return {decided[0].plan.stored.rule_id: reason}
        failed: dict[int, Message] = {}
        for one in decided:
            failed |= await commit(conn, [one], context, now)
        return failed
    return {}


async def close_events(
    conn: Connection,
    row: dict[str, Any],
    rule: Rule,
    reason: Message,
    context: MessageContext,
    now: datetime,
    actor: str | None = None,
) -> None:
    """Resolve the open events of a rule that is no longer what it was, and forget its
    states, in the transaction that is open.
    """
    params = {"rule_id": row["rule_id"], "at": now, "actor": actor}
    # Rule, states, events: everybody locks in this order.
    await run(conn, "forget_alert_states", params)
    events = await run(conn, "close_alert_events", params)
    steps = [Step(event, rule, "resolved", reason, now, actor=actor) for event in events]
    await announce(conn, steps, context, now)


async def _commit(
    conn: Connection, decided: Sequence[Decided], context: MessageContext, now: datetime
) -> None:
    with translated_errors():
        async with conn.transaction():
            written = await _write_states(conn, decided)
            mine = [one for one in decided if one.key in written]
            steps = await _write_events(conn, mine, now)
            await announce(conn, steps, context, now)


async def _write_states(conn: Connection, decided: Sequence[Decided]) -> set[tuple[int, str]]:
    """The keys that were still as the tick had read them."""
    sorts: dict[str, list[Decided]] = {}
    for one in decided:
        inactive = one.state.phase == "inactive"
        name = "add" if one.was is None else "drop" if inactive else "change"
        sorts.setdefault(f"{name}_alert_states", []).append(one)
    written: set[tuple[int, str]] = set()
    for name, those in sorted(sorts.items()):
        rows = await run(conn, name, {"changes": _json([_state_row(one) for one in those])})
        written.update(group_key(row["rule_id"], row["group_labels"]) for row in rows)
    return written


async def _write_events(conn: Connection, decided: Sequence[Decided], now: datetime) -> list[Step]:
    by_change: dict[str, dict[tuple[int, str], tuple[Decided, Transition]]] = {}
    for one in decided:
        for transition in one.transitions:
            by_change.setdefault(transition.change, {})[one.key] = (one, transition)
    peaks = [_peak_row(one) for one in decided if one.was and one.state.phase == "open"]
    if peaks:
        await run(conn, "raise_alert_peaks", {"peaks": _json(peaks)})
    steps: list[Step] = []
    for change, name in _STATEMENTS.items():
        if those := by_change.get(change):
            rows = [_event_row(one, transition, now) for one, transition in those.values()]
            found = await run(conn, name, {"events": _json(rows), "at": now})
            steps += [_step(event, *those[_key_of(event)], now) for event in found]
    return steps


_STATEMENTS = {
    "opened": "open_alert_events",
    "resolved": "resolve_alert_events",
    "repeated": "current_alert_events",
}


def _step(event: dict[str, Any], decided: Decided, transition: Transition, now: datetime) -> Step:
    reading = transition.reading
    return Step(
        event,
        decided.plan.stored.rule,
        transition.change,
        transition.reason,
        now,
        reading.value,
        reading.start,
        reading.end,
        suppressed=transition.suppressed,
        silent=reading.silent,
        compared=reading.compared,
    )


def _key_of(event: dict[str, Any]) -> tuple[int, str]:
    return group_key(event["rule_id"], event["group_labels"])


def _state_row(one: Decided) -> dict[str, Any]:
    return {
        "rule_id": one.plan.stored.rule_id,
        "group_labels": one.group.labels,
        "version": one.plan.stored.version,
        "state": one.state,
        "was": None if one.was is None else msgspec.Raw(one.was.encode()),
    }


def _peak_row(one: Decided) -> dict[str, Any]:
    return {
        "rule_id": one.plan.stored.rule_id,
        "group_labels": one.group.labels,
        "peak_value": one.state.peak,
    }


def _event_row(one: Decided, transition: Transition, now: datetime) -> dict[str, Any]:
    stored, watch, reading = one.plan.stored, one.plan.watch, transition.reading
    rule = as_stored(stored.rule)
    # What is unusual has neither where there is no data.
    its = rule["condition"] or "", rule["threshold_value"] or 0.0
    condition, threshold = limit(reading) or its
    return {name: rule[name] for name in ("rule_name", "metric_name", "severity")} | {
        "condition": condition,
        "threshold_value": threshold,
        "tenant": stored.tenant,
        "rule_id": stored.rule_id,
        "service_name": stored.rule.service_name,
        "value": reading.value,
        "peak_value": one.state.peak,
        "unit": reading.unit,
        "aggregation": watch.aggregation,
        "window_name": str(watch.window),
        "group_labels": one.group.labels,
        "window_start": reading.start,
        "window_end": reading.end,
        "opened_at": now,
        "compared": reading.compared,
        "rule": without_recipients(rule),
    }


def _json(rows: Sequence[object]) -> str:
    return msgspec.json.encode(rows).decode()
