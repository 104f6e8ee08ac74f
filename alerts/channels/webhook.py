"""Signed JSON to any URL."""

import hashlib
import hmac
from typing import Any

import msgspec

from alerts.channels.base import ACCEPTED, Delivery, recipient_or
from alerts.channels.http import Poster, host_of
from alerts.notification import Line, Notification
from alerts.rendering import English, Renderer
from alerts.wording import Wording
from sql.messages import Message

_STATUS = {"resolved": "resolved", "acknowledged": "acknowledged", "test": "test"}


class WebhookChannel:
    """Each attempt has what is known by then, signed, under the same delivery id."""

    def __init__(
        self,
        poster: Poster,
        default_url: str | None,
        secret: str | None,
        renderer: Renderer = English(),  # noqa: B008
    ) -> None:
        self._poster = poster
        self._default_url = default_url
        self._secret = secret
        self._renderer = renderer

    async def send(self, recipient: str, notification: Notification, delivery: Delivery) -> Message:
        """Post; any 2xx means accepted.

        Raises:
            TransportError: it was not accepted.
        """
        url = recipient_or(recipient, self._default_url, "FATURE_WEBHOOK_URL")
        body = msgspec.json.encode(payload(Wording(notification, self._renderer), delivery))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "fature-metrics",
            "X-Fature-Delivery": str(delivery.id),
        }
        if self._secret:
            headers["X-Fature-Signature"] = signature(body, self._secret)
        await self._poster.post(url, body, headers)
        return ACCEPTED

    def target(self, recipient: str) -> str:
        """The host that is posted to."""
        return host_of(recipient or self._default_url or "")


def signature(body: bytes, secret: str) -> str:
    """``sha256=HEX``, the HMAC of the body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def payload(wording: Wording, delivery: Delivery) -> dict[str, Any]:
    """The transition and its event, with the same names as the API's events; of a digest its
    events, of what happened to a rule nothing but that.
    """
    its = wording.notification
    content: dict[str, Any] = {
        "delivery_id": delivery.id,
        "transition": its.transition,
        "at": its.at,
        "reason": wording.renderer.message(its.why),
        "actor": its.actor,
        "comment": its.comment,
        "subject": wording.subject,
        "text": wording.headline,
        "link": its.link,
    }
    if its.transition == "digest":
        return content | {
            "rule": _rule(its),
            "counts": its.counts,
            "events": [_line(line) for line in its.lines],
        }
    if its.transition in ("failing", "judged"):
        return content | {"rule": _rule(its)}
    return content | {"event": _event(its)}


def _rule(its: Notification) -> dict[str, Any]:
    return {
        "rule_id": its.rule_id,
        "rule_name": its.rule_name,
        "description": its.description,
        "metric_name": its.metric_name,
        "condition": its.condition,
        "threshold_value": its.threshold_value,
        "severity": its.severity,
        "unit": its.unit,
        "aggregation": its.aggregation,
        "window": its.window,
        "timezone": its.timezone,
    }


def _event(its: Notification) -> dict[str, Any]:
    return {
        "id": its.event_id,
        **_rule(its),
        "status": its.status or _STATUS.get(its.transition, "open"),
        **_values(its),
        "peak_value": its.peak_value,
        "compared": its.compared,
        "impact": its.impact,
        "window_start": its.window_start,
        "window_end": its.window_end,
        "group": its.group,
        "opened_at": its.opened_at,
    }


def _values(its: Notification) -> dict[str, Any]:
    """The value that opened it; where figures were corrected, what was known and what is right."""
    if not its.is_correction:
        return {"value": its.value}
    retracted = its.transition == "retracted"
    return {"value": its.known_value, "restated_value": its.value, "retracted": retracted}


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.event_id,
        "transition": line.transition,
        "status": line.status or _STATUS.get(line.transition, "open"),
        "value": line.value,
        "unit": line.unit,
        "group": line.group,
    }
