"""The context of changes: who makes them, and what notifications of them refer to."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The business time zone of notifications; `base_url` is where people reach the service,
    `country` whose holidays count.
    """

    timezone: str
    base_url: str | None = None
    country: str = ""

    def event_link(self, event_id: int) -> str | None:
        """The page of an event."""
        return f"{self.base_url}/alerts/events/{event_id}" if self.base_url else None

    def rule_link(self, rule_id: int) -> str | None:
        """The page of a rule."""
        return f"{self.base_url}/alerts/rules/{rule_id}" if self.base_url else None

    def events_link(self, rule_id: int) -> str | None:
        """The page of a rule's events."""
        return f"{self.base_url}/alerts?rule_id={rule_id}" if self.base_url else None


@dataclass(frozen=True, slots=True)
class Author:
    """The author of a change, its time and the network address."""

    actor: str
    now: datetime
    context: MessageContext
    address: str | None = None
