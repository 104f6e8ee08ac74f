"""What a notification says, fixed when it is decided; the outbox keeps it as JSON."""

from datetime import datetime

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of an event, in everything a channel needs to word it.

    `transition` is opened, acknowledged, resolved, repeated or test. Windows and instants
    are UTC; `timezone` is the business time zone they are shown in.
    """

    event_id: int
    transition: str
    reason: str
    rule_id: int | None
    rule_name: str
    metric_name: str
    condition: str
    threshold_value: float
    severity: str
    aggregation: str
    window: str
    value: float | None
    peak_value: float | None
    unit: str | None
    group: dict[str, str | None]
    window_start: datetime | None
    window_end: datetime | None
    opened_at: datetime
    at: datetime
    timezone: str
    description: str = ""
    actor: str | None = None
    comment: str | None = None
    link: str | None = None
