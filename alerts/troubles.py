"""Rules that cannot be judged: their recipients are notified once it has lasted, and once more when
they can be judged again. The decision is pure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from alerts.announce import is_silenced
from alerts.context import MessageContext
from alerts.notification import Notification
from alerts.recipients import targets
from alerts.rules import Rule
from alerts.selection import StoredRule
from alerts.watched import CatalogueEntry, aggregation_of, unit_of, window_of
from sql.messages import Message

PATIENCE = timedelta(minutes=15)


class Trouble(NamedTuple):
    """Since when a rule cannot be judged, and when its recipients were notified of that."""

    since: datetime | None = None
    notified_at: datetime | None = None


Change = Literal["failing", "judged"]


def next_trouble(
    trouble: Trouble, *, fails: bool, silenced: bool, now: datetime
) -> tuple[Trouble, Change | None]:
    """The trouble after this tick, and what the recipients are to be notified of."""
    if not fails:
        notified = trouble.notified_at is not None
        return Trouble(), "judged" if notified else None
    since = trouble.since or now
    if trouble.notified_at is None and now - since >= PATIENCE and not silenced:
        return Trouble(since, now), "failing"
    return Trouble(since, trouble.notified_at), None


def rule_is_silenced(
    tenant: str, rule_id: int, rule: Rule, silences: Sequence[Mapping[str, Any]]
) -> bool:
    """True where notifications about the rule as a whole are suppressed."""
    event: dict[str, Any] = {
        "tenant": tenant,
        "rule_id": rule_id,
        "metric_name": rule.metric_name,
        "severity": getattr(rule, "severity", None),
        "group_labels": {},
    }
    return is_silenced(event, rule, silences)


def rows_of(
    stored: StoredRule,
    entry: CatalogueEntry | None,
    change: Change,
    reason: Message,
    trouble: Trouble,
    context: MessageContext,
    now: datetime,
) -> list[Mapping[str, Any]]:
    """The rows of the outbox, one for each recipient."""
    rule_id, rule = stored.rule_id, stored.rule
    notification = Notification(
        transition=change,
        reason=reason,
        rule_id=rule_id,
        rule_name=rule.rule_name,
        metric_name=rule.metric_name,
        condition=getattr(rule, "condition", None) or "",
        threshold_value=getattr(rule, "threshold_value", None) or 0.0,
        severity=getattr(rule, "severity", ""),
        aggregation=aggregation_of(rule, entry),
        window=str(window_of(rule, entry)),
        unit=unit_of(rule, entry),
        opened_at=trouble.since or now,
        at=now,
        timezone=context.timezone,
        description=rule.description,
        link=context.rule_link(rule_id),
    )
    return [
        {
            "event_id": None,
            "transition_id": None,
            "rule_id": rule_id,
            "digest": None,
            "channel": target.channel,
            "recipient": target.recipient,
            "message": notification,
            "at": now,
        }
        for target in targets(rule.notification_channels, rule.notification_recipients)
    ]
