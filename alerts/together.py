"""Acknowledging and resolving many events at once, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from psycopg.rows import DictRow

from alerts.announce import announce
from alerts.context import Author
from alerts.decision import State, resolved_by_hand
from alerts.events import UNRESOLVED, Filters, list_events, record_act
from alerts.rule_rows import readable
from alerts.steps import Step, group_key
from sql.database import Connection, Pool, connection, run
from sql.errors import Invalid, Problem, missing
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import EventStatus

MOST = 1000


class _Act(NamedTuple):
    """What is done: of events with these statuses, to their states and rows; what it is called in
    history and audit log.
    """

    statuses: Sequence[EventStatus]
    state: Callable[[State, datetime], State]
    statement: str
    transition: str
    reason: Message
    action: str


def _acknowledged(state: State, _: datetime) -> State:
    if state.phase != "open":
        return state
    return msgspec.structs.replace(state, acknowledged=True)


_ACKNOWLEDGE = _Act(
    ("open",),
    _acknowledged,
    "acknowledge_alert_events",
    "acknowledged",
    Message("Acknowledged by {name}"),
    "event.acknowledge",
)
_RESOLVE = _Act(
    UNRESOLVED,
    resolved_by_hand,
    "resolve_chosen_alert_events",
    "resolved",
    Message("Resolved by {name}"),
    "event.resolve",
)


async def acknowledge_many(
    pool: Pool, scope: Scope, which: Filters | Sequence[int], comment: str | None, author: Author
) -> list[DictRow]:
    """The events that were open and are acknowledged now, the newest first.

    Raises:
        NotFound: there is no event of one of the numbers in scope.
        Invalid: they are more than are changed at once.
    """
    return await _act(pool, scope, which, _ACKNOWLEDGE, comment, author)


async def resolve_many(
    pool: Pool, scope: Scope, which: Filters | Sequence[int], comment: str | None, author: Author
) -> list[DictRow]:
    """The events that were not resolved and are now, the newest first.

    Raises:
        NotFound, Invalid: as `acknowledge_many`.
    """
    return await _act(pool, scope, which, _RESOLVE, comment, author)


async def _act(
    pool: Pool,
    scope: Scope,
    which: Filters | Sequence[int],
    act: _Act,
    comment: str | None,
    author: Author,
) -> list[DictRow]:
    numbers = await _numbers(pool, scope, which, act)
    async with connection(pool) as conn, conn.transaction():
        known = await run(conn, "alert_events_by_id", scope.params | {"events": numbers})
        if gone := set(numbers) - {row["event_id"] for row in known}:
            raise missing("event", min(gone))
        # States before events: everybody locks in this order.
        states = await run(conn, "alert_states_for_update", {"events": numbers})
        params = {"events": numbers, "statuses": list(act.statuses)}
        before = await run(conn, "alert_events_for_update", params)
        if not before:
            return []
        chosen = [row["event_id"] for row in before]
        await _remember(conn, states, before, act, author)
        params = {"events": chosen, "at": author.now, "actor": author.actor, "comment": comment}
        events = await run(conn, act.statement, params)
        await _announce(conn, events, act, comment, author)
        earlier = {row["event_id"]: row for row in before}
        for event in events:
            await record_act(conn, act.action, earlier[event["event_id"]], event, author)
    return sorted(events, key=lambda row: (row["opened_at"], row["event_id"]), reverse=True)


async def _numbers(
    pool: Pool, scope: Scope, which: Filters | Sequence[int], act: _Act
) -> list[int]:
    if not isinstance(which, Filters):
        return sorted(set(which))
    statuses = [one for one in act.statuses if which.status in (None, one)]
    found: list[int] = []
    for status in statuses:
        rows = await list_events(pool, scope, which._replace(status=status), MOST + 1)
        found += [row["event_id"] for row in rows]
    if len(found) > MOST:
        message = Message("More than {most} events match: narrow them down", {"most": MOST})
        raise Invalid(Problem(message))
    return sorted(found)


async def _remember(
    conn: Connection,
    states: Sequence[DictRow],
    events: Sequence[DictRow],
    act: _Act,
    author: Author,
) -> None:
    chosen = {group_key(row["rule_id"], row["group_labels"]) for row in events}
    changes = [
        {
            "rule_id": row["rule_id"],
            "group_labels": row["group_labels"],
            "state": act.state(msgspec.json.decode(row["state"], type=State), author.now),
        }
        for row in states
        if group_key(row["rule_id"], row["group_labels"]) in chosen
    ]
    if changes:
        await run(conn, "set_alert_states", {"changes": _json(changes)})


async def _announce(
    conn: Connection, events: Sequence[DictRow], act: _Act, comment: str | None, author: Author
) -> None:
    rules = await run(conn, "alert_rules_by_id", {"rules": [row["rule_id"] for row in events]})
    by_id = {row["rule_id"]: readable(row) for row in rules}
    reason = Message(act.reason.text, {"name": author.actor})
    steps = [
        Step(
            event,
            by_id[event["rule_id"]],
            act.transition,
            reason,
            author.now,
            actor=author.actor,
            comment=comment,
        )
        for event in events
    ]
    await announce(conn, steps, author.context, author.now)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
