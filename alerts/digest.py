"""Digests: what happened to many events of a rule at once, in one notification."""

from collections import Counter
from collections.abc import Sequence

from alerts.context import MessageContext
from alerts.notification import Line, Notification
from alerts.steps import Step
from sql.messages import Message

MAX_LINES = 10
_ORDER = {"opened": 0, "repeated": 1, "retracted": 2, "restated": 3, "resolved": 4}


def digest_of(steps: Sequence[Step], context: MessageContext) -> Notification:
    """The notification of several steps of one rule, with the worst of them."""
    ordered = sorted(steps, key=_rank)
    first = ordered[0].event
    counts = Counter(step.transition for step in ordered)
    return Notification(
        event_id=first["event_id"],
        transition="digest",
        reason=Message("{number} events at once", {"number": len(steps)}),
        rule_id=first["rule_id"],
        rule_name=first["rule_name"],
        metric_name=first["metric_name"],
        condition=first["condition"],
        threshold_value=first["threshold_value"],
        severity=first["severity"],
        aggregation=first["aggregation"],
        window=first["window_name"],
        unit=first["unit"],
        opened_at=min(step.event["opened_at"] for step in steps),
        at=steps[0].at,
        timezone=context.timezone,
        description=steps[0].rule.description,
        link=context.events_link(first["rule_id"]) if first["rule_id"] else None,
        counts=counts,
        lines=[_line(step) for step in ordered[:MAX_LINES]],
    )


def _line(step: Step) -> Line:
    return Line(
        event_id=step.event["event_id"],
        transition=step.transition,
        group=step.event["group_labels"],
        value=step.value,
        unit=step.event["unit"],
        status=step.event["status"],
    )


def _rank(step: Step) -> tuple[int, float]:
    """The order of steps: opened first, and of those the furthest past the threshold."""
    value, threshold = step.value, step.event["threshold_value"]
    if value is None:
        distance = float("inf")
    elif step.event["condition"] in (">", ">="):
        distance = value - threshold
    elif step.event["condition"] in ("<", "<="):
        distance = threshold - value
    else:
        distance = abs(value - threshold)
    return _ORDER[step.transition], -distance
