"""Rules as rows of their table."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from alerts.fields import CHANNELS
from alerts.rules import Rule

# Fields that may change while events stay open: how they are described, to whom and how often.
KEEPS_EVENTS = frozenset(
    {
        "rule_name",
        "severity",
        "notification_channels",
        "notification_recipients",
        "repeat_seconds",
        "description",
        "digest_over",
        "schedule",
    }
)


def as_stored(rule: Rule) -> dict[str, Any]:
    """The columns of the rule's row."""
    values = rule.model_dump(
        exclude={"for_", "keep_firing_for", "repeat_interval", "window", "settle", "retire_after"},
        by_alias=False,
    )
    return values | {
        "window_name": rule.window,
        "for_seconds": rule.for_,
        "keep_firing_seconds": rule.keep_firing_for,
        "repeat_seconds": rule.repeat_interval,
        "settle_seconds": rule.settle,
        "retire_seconds": rule.retire_after,
        "schedule": rule.schedule and rule.schedule.stored,
    }


def without_recipients(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a rule's row that say what it watches and how it decides."""
    return {name: value for name, value in row.items() if name not in _RECIPIENTS}


_RECIPIENTS = frozenset({"notification_channels", "notification_recipients"})
_DURATIONS = {
    "for_": "for_seconds",
    "keep_firing_for": "keep_firing_seconds",
    "settle": "settle_seconds",
    "retire_after": "retire_seconds",
}


def from_row(row: Mapping[str, Any]) -> Rule:
    """The rule of a row as `as_stored` makes it; other columns are ignored.

    Raises:
        ValidationError: the row has values that the API would refuse.
    """
    values = {name: row[name] for name in Rule.model_fields if name in row}
    values |= {name: int(row[column]) for name, column in _DURATIONS.items()}
    repeat = row["repeat_seconds"]
    values |= {"repeat_interval": repeat if repeat is None else int(repeat)}
    return Rule.model_validate(values | {"window": row["window_name"]})


def readable(row: Mapping[str, Any]) -> Rule:
    """The rule of a row, whatever is in it: of one that cannot be read its names, and whom it
    notifies.
    """
    try:
        return from_row(row)
    except ValidationError:
        names = ("rule_name", "metric_name", "description", "notification_recipients")
        channels = [one for one in row["notification_channels"] if one in CHANNELS]
        values = {name: row[name] for name in names} | {"notification_channels": channels}
        return Rule.model_construct(**values)
