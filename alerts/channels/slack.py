"""Slack and whatever else understands its incoming webhooks."""

from typing import Any

import msgspec

from alerts.channels.base import Delivery, recipient_or
from alerts.channels.colours import colour_of
from alerts.channels.http import Poster
from alerts.messages import Message
from alerts.wording import TITLES, facts, headline, subject

# Slack's own limits: ten fields in a section, 3000 characters in a text.
_MAX_FIELDS = 10
_MAX_TEXT = 2900
_MAX_FIELD = 1900


class SlackChannel:
    """Posts to an incoming webhook; its URL is a secret and never logged."""

    def __init__(self, poster: Poster, default_url: str | None) -> None:
        self._poster = poster
        self._default_url = default_url

    async def send(self, recipient: str, message: Message, delivery: Delivery) -> str:
        """Post the blocks; Slack answers 200 once it has taken them.

        Raises:
            TransportError: it was not accepted.
        """
        url = recipient_or(recipient, self._default_url, "FATURE_SLACK_WEBHOOK_URL")
        headers = {"Content-Type": "application/json", "X-Fature-Delivery": str(delivery.id)}
        await self._poster.post(url, msgspec.json.encode(payload(message)), headers)
        return "accepted"


def payload(message: Message) -> dict[str, Any]:
    """The message as blocks beside a bar in the severity's colour."""
    attachment = {
        "color": colour_of(message),
        "fallback": subject(message),
        "blocks": _blocks(message),
    }
    return {"text": _escaped(subject(message)), "attachments": [attachment]}


def _blocks(message: Message) -> list[dict[str, Any]]:
    title = TITLES.get(message.transition, message.transition)
    name = _escaped(message.rule_name)[:200]
    blocks: list[dict[str, Any]] = [_section(f"*{title}: {name}*\n{_escaped(headline(message))}")]
    fields = [_text(f"*{label}*\n{_escaped(text)}", _MAX_FIELD) for label, text in facts(message)]
    for start in range(0, len(fields), _MAX_FIELDS):
        blocks.append({"type": "section", "fields": fields[start : start + _MAX_FIELDS]})
    if message.link:
        blocks.append(_section(f"<{message.link}|Open the event>"))
    return blocks


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text, _MAX_TEXT)}


def _text(text: str, limit: int) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text[:limit]}


def _escaped(text: str) -> str:
    """The three characters that Slack gives a meaning."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
