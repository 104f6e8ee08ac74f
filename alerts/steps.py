"""Steps: what happened to an event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from alerts.decision import Compared
from alerts.rules import Rule
from alerts.selection import Labels
from sql.messages import Message


class Step(NamedTuple):
    """A step of an event, with its row as it is afterwards; no recipient is notified of one that
    is `suppressed`. `silent` where the value is 0 as no sample arrived,
    `known` the value that it had before it was restated.
    """

    event: Mapping[str, Any]
    rule: Rule
    transition: str
    reason: Message
    at: datetime
    value: float | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    actor: str | None = None
    comment: str | None = None
    suppressed: bool = False
    silent: bool = False
    compared: Compared | None = None
    known: float | None = None


def group_key(rule_id: int, labels: Labels) -> tuple[int, str]:
    """The key of a (rule, group)."""
    return rule_id, msgspec.json.encode(labels, order="sorted").decode()
