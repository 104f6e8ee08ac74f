"""Writing down what happened to events: history, and who is to be notified."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from psycopg.rows import DictRow

from alerts.context import MessageContext
from alerts.digest import digest_of
from alerts.notification import Notification
from alerts.recipients import Target, targets
from alerts.rules import Rule
from alerts.schedule import Schedule
from alerts.selection import passes
from alerts.steps import Step
from sql.database import Connection, run
from sql.vocabulary import LABELS

# An acknowledgement is history, but nobody needs to hear of it.
NOTIFIED = frozenset({"opened", "resolved", "repeated", "restated", "retracted"})
# Whoever was notified of the beginning is notified of these, also under a silence, and nobody else.
_TO_THOSE_WHO_HEARD = frozenset({"resolved", "restated", "retracted"})


class _Outgoing(NamedTuple):
    """The rule and the recipient of notifications; one that was removed is known by its tenant and
    name.
    """

    rule: int | tuple[str, str]
    target: Target


async def announce(
    conn: Connection, steps: Sequence[Step], context: MessageContext, now: datetime
) -> None:
    """Write history and outbox in the transaction that is open. Notifications of an event that
    is silenced now are suppressed, but for its end and its restatement: whoever was notified of
    the beginning is notified of these.
    """
    if not steps:
        return
    rows = await run(conn, "add_alert_transitions", {"transitions": _json(_history(steps))})
    numbers = {row["event_id"]: row["transition_id"] for row in rows}
    outgoing = await _outgoing(conn, steps, context, now)
    notifications = [
        row
        for (_, target), those in outgoing.items()
        for row in _rows(target, those, numbers, context)
    ]
    if notifications:
        await run(conn, "add_alert_notifications", {"notifications": _json(notifications)})


async def _outgoing(
    conn: Connection, steps: Sequence[Step], context: MessageContext, now: datetime
) -> dict[_Outgoing, list[Step]]:
    due = [step for step in steps if step.transition in NOTIFIED and not step.suppressed]
    zone = ZoneInfo(context.timezone)
    silences = await silences_at(conn, now, zone, context.country) if due else []
    begun = [step.event["event_id"] for step in due if step.transition in _TO_THOSE_WHO_HEARD]
    heard = await _heard(conn, begun) if begun else {}
    outgoing: dict[_Outgoing, list[Step]] = {}
    for step in due:
        if step.transition in _TO_THOSE_WHO_HEARD:
            those: Iterable[Target] = heard.get(step.event["event_id"], ())
        elif is_silenced(step.event, step.rule, silences):
            those = ()
        else:
            those = targets(step.rule.notification_channels, step.rule.notification_recipients)
        for target in those:
            rule = step.event["rule_id"] or (step.event["tenant"], step.event["rule_name"])
            outgoing.setdefault(_Outgoing(rule, target), []).append(step)
    return outgoing


async def _heard(conn: Connection, events: Sequence[int]) -> dict[int, list[Target]]:
    """The targets that were notified of each event."""
    found: dict[int, list[Target]] = {}
    for row in await run(conn, "alert_event_targets", {"events": list(events)}):
        target = Target(row["channel"], row["recipient"])
        found.setdefault(row["event_id"], []).append(target)
    return found


async def silences_at(
    conn: Connection, now: datetime, zone: ZoneInfo, country: str
) -> list[DictRow]:
    """Those that have begun and not ended, and are in force at that hour."""
    rows = await run(conn, "alert_silences_at", {"at": now})
    return [row for row in rows if _is_in_force(row, now, zone, country)]


def _is_in_force(silence: Mapping[str, Any], now: datetime, zone: ZoneInfo, country: str) -> bool:
    schedule = silence["schedule"]
    return schedule is None or Schedule.model_validate(schedule).includes(now, zone, country)


def is_silenced(
    event: Mapping[str, Any], rule: Rule, silences: Iterable[Mapping[str, Any]]
) -> bool:
    """True where any silence matches the event in every column that is not NULL, and in every label
    and dimension that it names.
    """
    service_name = event["group_labels"].get("service_name") or rule.service_name
    having = {
        "rule_id": event["rule_id"],
        "metric_name": event["metric_name"],
        "severity": event["severity"],
        "service_name": service_name,
    }
    return any(
        silence["tenant"] == event["tenant"]
        and all(silence[name] in (None, value) for name, value in having.items())
        and _has_labels(event, rule, silence["group_labels"])
        for silence in silences
    )


def _has_labels(event: Mapping[str, Any], rule: Rule, wanted: Mapping[str, str]) -> bool:
    """True where the event has these labels and dimensions, by its group or by its rule."""
    if not wanted:
        return True
    given: dict[str, str | None] = {name: getattr(rule, name, None) for name in LABELS}
    labels = {**given, **getattr(rule, "filters", {}), **event["group_labels"]}
    return all(passes(label, labels.get(name)) for name, label in wanted.items())


def notification_of(step: Step, context: MessageContext) -> Notification:
    """The notification of a step."""
    event = step.event
    return Notification(
        event_id=event["event_id"],
        transition=step.transition,
        reason=step.reason,
        rule_id=event["rule_id"],
        rule_name=event["rule_name"],
        metric_name=event["metric_name"],
        condition=event["condition"],
        threshold_value=event["threshold_value"],
        severity=event["severity"],
        aggregation=event["aggregation"],
        window=event["window_name"],
        value=step.value,
        known_value=step.known,
        status=event["status"],
        peak_value=event["peak_value"],
        unit=event["unit"],
        silent=step.silent,
        compared=step.compared,
        group=event["group_labels"],
        window_start=step.window_start or event["window_start"],
        window_end=step.window_end or event["window_end"],
        opened_at=event["opened_at"],
        at=step.at,
        timezone=context.timezone,
        description=step.rule.description,
        actor=step.actor,
        comment=step.comment,
        link=context.event_link(event["event_id"]),
    )


def _history(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {
            "event_id": step.event["event_id"],
            "at": step.at,
            "transition": step.transition,
            "reason": str(step.reason),
            "reason_message": step.reason,
            "actor": step.actor,
            "comment": step.comment,
            "value": step.value,
        }
        for step in steps
    ]


def _rows(
    target: Target, steps: Sequence[Step], numbers: Mapping[int, int], context: MessageContext
) -> list[dict[str, Any]]:
    """One row of the outbox for each step, or one for all where they are too many."""
    if len(steps) <= steps[0].rule.digest_over:
        return [
            _row(target, step, notification_of(step, context), numbers[step.event["event_id"]])
            for step in steps
        ]
    digest = digest_of(steps, context)
    events = [step.event["event_id"] for step in steps]
    worst = next(step for step in steps if step.event["event_id"] == digest.lines[0].event_id)
    last = max(numbers[event] for event in events)
    return [_row(target, worst, digest, last) | {"digest": events}]


def _row(
    target: Target, step: Step, notification: Notification, transition_id: int
) -> dict[str, Any]:
    return {
        "event_id": step.event["event_id"],
        "transition_id": transition_id,
        "rule_id": step.event["rule_id"],
        "digest": None,
        "channel": target.channel,
        "recipient": target.recipient,
        "message": notification,
        "at": step.at,
    }


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
