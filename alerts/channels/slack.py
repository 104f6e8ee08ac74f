"""Slack and whatever else understands its incoming webhooks."""

from typing import Any

import msgspec

from alerts.channels.base import ACCEPTED, Delivery, recipient_or
from alerts.channels.colours import colour_of
from alerts.channels.http import Poster, host_of
from alerts.facts import facts
from alerts.notification import Notification
from alerts.rendering import English, Renderer
from alerts.texts import one_line
from alerts.wording import Wording
from sql.messages import Message

# Slack's own limits: ten fields in a section, 2000 characters in a field, 3000 in a text.
_MAX_FIELDS = 10
_MAX_TEXT = 2900
_MAX_FIELD = 1900
_MAX_NAME = 200
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Behind one of these, a letter of no width keeps it from being taken for formatting.
_FORMATTING = frozenset("*_~`")
_NO_WIDTH = "\N{ZERO WIDTH SPACE}"


class SlackChannel:
    """Posts to an incoming webhook; its URL is a secret and never logged."""

    def __init__(
        self,
        poster: Poster,
        default_url: str | None,
        renderer: Renderer = English(),  # noqa: B008
    ) -> None:
        self._poster = poster
        self._default_url = default_url
        self._renderer = renderer

    async def send(self, recipient: str, notification: Notification, delivery: Delivery) -> Message:
        """Post the blocks; Slack answers 200 once it has taken them.

        Raises:
            TransportError: it was not accepted.
        """
        url = recipient_or(recipient, self._default_url, "FATURE_SLACK_WEBHOOK_URL")
        headers = {"Content-Type": "application/json", "X-Fature-Delivery": str(delivery.id)}
        content = msgspec.json.encode(payload(Wording(notification, self._renderer)))
        await self._poster.post(url, content, headers)
        return ACCEPTED

    def target(self, recipient: str) -> str:
        """The host that is posted to."""
        return host_of(recipient or self._default_url or "")


def payload(wording: Wording) -> dict[str, Any]:
    """The notification as blocks beside a bar in the severity's colour."""
    subject = escaped(wording.subject, _MAX_TEXT)
    attachment = {
        "color": colour_of(wording.notification),
        "fallback": subject,
        "blocks": _blocks(wording),
    }
    return {"text": subject, "attachments": [attachment]}


def _blocks(wording: Wording) -> list[dict[str, Any]]:
    its = wording.notification
    name = escaped(wording.rule_name, _MAX_NAME)
    title = f"*{escaped(wording.title, _MAX_NAME)}: {name}*\n"
    blocks = [_section(title + escaped(wording.headline, _MAX_TEXT - len(title)))]
    fields = [_field(label, text) for label, text in facts(wording)]
    for start in range(0, len(fields), _MAX_FIELDS):
        blocks.append({"type": "section", "fields": fields[start : start + _MAX_FIELDS]})
    if its.link:
        link = its.link.replace("|", "%7C").replace(">", "%3E")
        blocks.append(_section(f"<{link}|{escaped(wording.link_text, _MAX_NAME)}>"))
    return blocks


def _field(label: str, text: str) -> dict[str, str]:
    head = f"*{escaped(label, _MAX_NAME)}*\n"
    return {"type": "mrkdwn", "text": head + escaped(text, _MAX_FIELD - len(head))}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def escaped(text: str, limit: int) -> str:
    """The text on one line, with nothing in it that Slack gives a meaning; at most `limit`
    characters, never cut inside of one that is written as several.
    """
    written, length = [], 0
    for char in one_line(text):
        piece = _ENTITIES.get(char) or (_NO_WIDTH + char if char in _FORMATTING else char)
        length += len(piece)
        if length > limit:
            break
        written.append(piece)
    return "".join(written)
