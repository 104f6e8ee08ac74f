"""Sending a test notification through a channel: really, so that it can be trusted."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from alerts.channels.base import Delivery, TransportError
from alerts.context import Author
from alerts.delivery import Channels, send
from alerts.notification import Notification
from alerts.recipients import Channel
from sql.messages import Message


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """The outcome of the delivery. `failed` may pass with another attempt, `dead` will not."""

    channel: Channel
    recipient: str
    delivery_id: UUID
    outcome: Literal["sent", "failed", "dead"]
    detail: Message
    attempted_at: datetime
    duration_ms: float


async def send_test(
    channels: Channels, channel: Channel, recipient: str, author: Author
) -> ChannelTest:
    """Send one test notification in the name of the author, without retries."""
    timer, delivery_id = time.monotonic(), uuid4()
    to = Delivery(delivery_id, delivery_id)
    outcome: Literal["sent", "failed", "dead"] = "sent"
    try:
        detail = await send(channels, channel, recipient, _notification(author), to)
    except TransportError as error:
        outcome, detail = "dead" if error.permanent else "failed", error.detail
    return ChannelTest(
        channel=channel,
        recipient=recipient,
        delivery_id=delivery_id,
        outcome=outcome,
        detail=detail,
        attempted_at=author.now,
        duration_ms=round((time.monotonic() - timer) * 1000, 1),
    )


def _notification(author: Author) -> Notification:
    return Notification(
        event_id=0,
        transition="test",
        reason=Message("a test was asked for"),
        rule_id=None,
        rule_name="Test notification",
        metric_name="test",
        condition=">",
        threshold_value=0.0,
        severity="low",
        aggregation="last",
        window="hour",
        opened_at=author.now,
        at=author.now,
        timezone=author.context.timezone,
        actor=author.actor,
        link=author.context.base_url,
    )
