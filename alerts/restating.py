"""Deciding again, by the leader, about events whose figures changed: each is restated or retracted,
and who was notified of it is notified of that once.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import structlog
from pydantic import ValidationError

from alerts.announce import announce
from alerts.context import MessageContext
from alerts.errors import RuleProblem
from alerts.keeping import Keeping
from alerts.restatement import Restatement, restatement_of
from alerts.rule_rows import from_row
from alerts.rules import Rule
from alerts.second_look import Surroundings, look_again
from alerts.steps import Step
from sql.database import Connection, run
from sql.errors import DatabaseError, translated_errors

# In one tick, as long as there is time: what is left is for the next.
_BATCH = 100
_SECONDS = 1.0

_log = structlog.get_logger()


async def restate(
    conn: Connection, keeping: Keeping, now: datetime, zone: ZoneInfo, context: MessageContext
) -> int:
    """Decide again about events whose figures changed, as many as there is time for; how many were
    restated.
    """
    with translated_errors():
        (noted,) = await run(conn, "is_any_figure_changed")
        if noted["changed"]:
            await run(conn, "mark_events_for_review")
        events = await run(conn, "alert_events_to_review", {"limit": _BATCH})
    around = Surroundings(now, zone, context.country, keeping)
    until = time.monotonic() + _SECONDS
    reviewed: list[int] = []
    restatements: list[Restatement] = []
    for event in events:
        if reviewed and time.monotonic() >= until:
            break
        reviewed.append(event["event_id"])
        if (found := await _review(conn, event, around)) is not None:
            restatements.append(found)
    if reviewed:
        await _write(conn, reviewed, restatements, context, now)
    return len(restatements)


async def _review(
    conn: Connection, event: Mapping[str, Any], around: Surroundings
) -> Restatement | None:
    """None where it was decided rightly, or nothing can be said of it."""
    try:
        look = await look_again(conn, event, _rule_of(event), around)
    except (RuleProblem, ValidationError):
        return None
    except Exception as error:
        if conn.closed:
            raise
        _log.error("alert_event_not_reviewed", event=event["event_id"], exc_info=error)
        return None
    return None if look is None else restatement_of(event, look)


def _rule_of(event: Mapping[str, Any]) -> Rule:
    """The rule as it was, with what it left to the catalogue then."""
    rule = from_row(event["rule"])
    decided = {"aggregation": event["aggregation"], "window": event["window_name"]}
    return rule.model_copy(update=decided)


async def _write(
    conn: Connection,
    reviewed: Sequence[int],
    restatements: Sequence[Restatement],
    context: MessageContext,
    now: datetime,
) -> None:
    """All in one transaction; where that fails, each by itself, so that none keeps the others."""
    try:
        with translated_errors():
            async with conn.transaction():
                await _restate(conn, restatements, context, now)
                await run(conn, "note_reviewed_alert_events", {"events": list(reviewed)})
    except DatabaseError as error:
        if conn.closed:
            raise
        if len(reviewed) > 1:
            for number in reviewed:
                its = [one for one in restatements if one.event["event_id"] == number]
                await _write(conn, [number], its, context, now)
        elif restatements:
            _log.error("alert_event_not_restated", event=reviewed[0], exc_info=error)
            await _write(conn, reviewed, [], context, now)
        else:
            raise


async def _restate(
    conn: Connection, restatements: Sequence[Restatement], context: MessageContext, now: datetime
) -> None:
    if not restatements:
        return
    rows = msgspec.json.encode([_row(one) for one in restatements]).decode()
    retracted = [one.event["event_id"] for one in restatements if one.retracted]
    # States before events: everybody locks in this order.
    await run(conn, "forget_retracted_states", {"events": retracted})
    await run(conn, "correct_peaks", {"restatements": rows})
    events = await run(conn, "restate_alert_events", {"restatements": rows, "at": now})
    by_number = {event["event_id"]: event for event in events}
    steps = [_step(by_number[one.event["event_id"]], one, now) for one in restatements]
    await announce(conn, steps, context, now)


def _row(one: Restatement) -> dict[str, Any]:
    return {
        "event_id": one.event["event_id"],
        "known_value": one.known,
        "restated_value": one.value,
        "retracted": one.retracted,
    }


def _step(event: Mapping[str, Any], one: Restatement, now: datetime) -> Step:
    return Step(
        event,
        from_row(event["rule"]),
        one.transition,
        one.reason,
        now,
        one.value,
        suppressed=not one.is_news,
        compared=one.compared,
        known=one.known,
    )
