"""Signed JSON to any URL."""

import hashlib
import hmac
from typing import Any

import msgspec

from alerts.channels.base import Delivery, recipient_or
from alerts.channels.http import Poster
from alerts.messages import Message
from alerts.wording import headline, subject

_STATUS = {"resolved": "resolved", "acknowledged": "acknowledged", "test": "test"}


class WebhookChannel:
    """The same body on every attempt, so that its signature is the same too."""

    def __init__(self, poster: Poster, default_url: str | None, secret: str | None) -> None:
        self._poster = poster
        self._default_url = default_url
        self._secret = secret

    async def send(self, recipient: str, message: Message, delivery: Delivery) -> str:
        """Post; any 2xx means accepted.

        Raises:
            TransportError: it was not accepted.
        """
        url = recipient_or(recipient, self._default_url, "FATURE_WEBHOOK_URL")
        body = msgspec.json.encode(payload(message, delivery))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "fature-metrics",
            "X-Fature-Delivery": str(delivery.id),
        }
        if self._secret:
            headers["X-Fature-Signature"] = signature(body, self._secret)
        await self._poster.post(url, body, headers)
        return "accepted"


def signature(body: bytes, secret: str) -> str:
    """``sha256=HEX``, the HMAC of the body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def payload(message: Message, delivery: Delivery) -> dict[str, Any]:
    """The transition and its event, with the same names as the API's events."""
    return {
        "delivery_id": delivery.id,
        "transition": message.transition,
        "at": message.at,
        "reason": message.reason,
        "actor": message.actor,
        "comment": message.comment,
        "subject": subject(message),
        "text": headline(message),
        "link": message.link,
        "event": _event(message),
    }


def _event(message: Message) -> dict[str, Any]:
    return {
        "id": message.event_id,
        "rule_id": message.rule_id,
        "rule_name": message.rule_name,
        "description": message.description,
        "metric_name": message.metric_name,
        "condition": message.condition,
        "threshold_value": message.threshold_value,
        "severity": message.severity,
        "status": _STATUS.get(message.transition, "open"),
        "value": message.value,
        "peak_value": message.peak_value,
        "unit": message.unit,
        "aggregation": message.aggregation,
        "window": message.window,
        "window_start": message.window_start,
        "window_end": message.window_end,
        "timezone": message.timezone,
        "group": message.group,
        "opened_at": message.opened_at,
    }
