"""Notifications for tests."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from alerts.channels.base import Channel, Delivery, TransportError
from alerts.notification import Notification
from sql.messages import Message

OPENED_AT = datetime(2025, 6, 14, 15, 0, 12, tzinfo=UTC)

OPENED = Notification(
    event_id=17,
    transition="opened",
    reason=Message("312 is above 250"),
    rule_id=2,
    rule_name="API response time is high",
    metric_name="api_response_time",
    condition=">",
    threshold_value=250.0,
    severity="high",
    aggregation="avg",
    window="5m",
    value=312.0,
    peak_value=340.5,
    unit="ms",
    group={"service_name": "payment-service"},
    window_start=OPENED_AT - timedelta(minutes=5),
    window_end=OPENED_AT,
    opened_at=OPENED_AT,
    at=OPENED_AT,
    timezone="America/Sao_Paulo",
    description="The mean response time of the last five minutes is above 250 ms.",
    link="https://metrics.example.com/alerts/17",
)
RESOLVED = msgspec.structs.replace(
    OPENED,
    transition="resolved",
    reason=Message("the condition has cleared"),
    value=201.0,
    at=OPENED_AT + timedelta(hours=1, minutes=5),
)


def new_delivery() -> Delivery:
    """The first delivery of an event."""
    one = uuid4()
    return Delivery(one, one)


async def failure(channel: Channel, recipient: str = "") -> TransportError:
    """A channel's report of a message that does not get through."""
    with pytest.raises(TransportError) as caught:
        await channel.send(recipient, OPENED, new_delivery())
    return caught.value
