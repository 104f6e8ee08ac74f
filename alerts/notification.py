"""Notifications: everything a channel needs to word one, fixed when it is decided; the outbox keeps
them as JSON.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from alerts.decision import Compared
from alerts.impact import Impact
from sql.messages import Message


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a digest."""

    event_id: int
    transition: str
    group: Mapping[str, str | None]
    value: float | None
    unit: str | None = None
    status: str | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A transition of an event, or what happened to a rule.

    `transition` is opened, acknowledged, resolved, repeated, restated, retracted or test of one
    event (`event_id`), which by figures that were corrected has `value` instead of `known_value`;
    digest of many, whose number by transition is in `counts` and of which `lines` has the worst;
    failing and judged of a rule that cannot be judged, and can again. Windows and instants are
    UTC; `timezone` is the business time zone they are shown in. `silent` where the figure is 0 as
    no sample arrived, `compared` where the value is the change of a figure. `impact`
    is added when it is delivered.
    """

    transition: str
    # Reasons that were stored before they had values are texts.
    reason: Message | str
    rule_id: int | None
    rule_name: str
    metric_name: str
    condition: str
    threshold_value: float
    severity: str
    aggregation: str
    window: str
    opened_at: datetime
    at: datetime
    timezone: str
    event_id: int | None = None
    value: float | None = None
    known_value: float | None = None
    # Of notifications that were stored before it was: not known.
    status: str | None = None
    peak_value: float | None = None
    unit: str | None = None
    silent: bool = False
    compared: Compared | None = None
    impact: Impact | None = None
    group: Mapping[str, str | None] = {}
    window_start: datetime | None = None
    window_end: datetime | None = None
    description: str = ""
    actor: str | None = None
    comment: str | None = None
    link: str | None = None
    counts: Mapping[str, int] = {}
    lines: Sequence[Line] = ()

    @property
    def is_correction(self) -> bool:
        """True where figures of the event were corrected."""
        return self.transition in ("restated", "retracted")

    @property
    def why(self) -> Message:
        """The reason as a message."""
        return Message(self.reason) if isinstance(self.reason, str) else self.reason
