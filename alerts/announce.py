"""Writing down what happened to events: history, and who is to be told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from psycopg.rows import DictRow

from alerts.messages import Message
from alerts.recipients import targets
from alerts.rules import Rule
from alerts.selection import Labels
from sql.database import Connection, run

# An acknowledgement is history, but nobody needs to be told of it.
TOLD = frozenset({"opened", "resolved", "repeated"})


@dataclass(frozen=True, slots=True)
class Voice:
    """How instants and links read in messages; `base_url` is where people reach the service."""

    timezone: str
    base_url: str | None = None

    def link(self, event_id: int) -> str | None:
        """Where the event can be looked at."""
        return f"{self.base_url}/alerts/events/{event_id}" if self.base_url else None


class Step(NamedTuple):
    """What happened to an event, as its row is afterwards."""

    event: Mapping[str, Any]
    rule: Rule
    transition: str
    reason: str
    at: datetime
    value: float | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    actor: str | None = None
    comment: str | None = None
    unheard: bool = False


async def announce(conn: Connection, steps: Sequence[Step], voice: Voice, now: datetime) -> None:
    """Write history and outbox in the transaction that is open. Whoever is silenced now is
    not told.
    """
    if not steps:
        return
    rows = await run(conn, "add_alert_transitions", {"transitions": _json(_history(steps))})
    transition_ids = {row["event_id"]: row["transition_id"] for row in rows}
    silences = await silences_at(conn, now)
    notifications = [
        notification
        for step in steps
        if step.transition in TOLD
        and not step.unheard
        and not is_silenced(step.event, step.rule, silences)
        for notification in _notifications(step, transition_ids[step.event["event_id"]], voice)
    ]
    if notifications:
        await run(conn, "add_alert_notifications", {"notifications": _json(notifications)})


async def silences_at(conn: Connection, now: datetime) -> list[DictRow]:
    """Those that have begun and not ended."""
    return await run(conn, "alert_silences_at", {"at": now})


def is_silenced(
    event: Mapping[str, Any], rule: Rule, silences: Iterable[Mapping[str, Any]]
) -> bool:
    """Whether any silence matches the event in every column that is not NULL."""
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
        for silence in silences
    )


def message_of(step: Step, voice: Voice) -> Message:
    """What a notification of the step says."""
    event = step.event
    return Message(
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
        peak_value=event["peak_value"],
        unit=event["unit"],
        group=event["group_labels"],
        window_start=step.window_start or event["window_start"],
        window_end=step.window_end or event["window_end"],
        opened_at=event["opened_at"],
        at=step.at,
        timezone=voice.timezone,
        description=step.rule.description,
        actor=step.actor,
        comment=step.comment,
        link=voice.link(event["event_id"]),
    )


def _history(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {
            "event_id": step.event["event_id"],
            "at": step.at,
            "transition": step.transition,
            "reason": step.reason,
            "actor": step.actor,
            "comment": step.comment,
            "value": step.value,
        }
        for step in steps
    ]


def _notifications(step: Step, transition_id: int, voice: Voice) -> list[dict[str, Any]]:
    message = message_of(step, voice)
    return [
        {
            "event_id": step.event["event_id"],
            "transition_id": transition_id,
            "channel": target.channel,
            "recipient": target.recipient,
            "message": message,
            "at": step.at,
        }
        for target in targets(step.rule.notification_channels, step.rule.notification_recipients)
    ]


def group_key(rule_id: int, labels: Labels) -> tuple[int, str]:
    """What tells one (rule, group) from another."""
    return rule_id, msgspec.json.encode(labels, order="sorted").decode()


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
