"""Whom a rule notifies: each recipient goes to the channel that takes its kind."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from sql.messages import Listing, Message, Term, Value

Channel = Literal["email", "slack", "webhook", "sms"]
Kind = Literal["email address", "http(s) URL", "E.164 number"]

TAKES: dict[Channel, Kind] = {
    "email": "email address",
    "slack": "http(s) URL",
    "webhook": "http(s) URL",
    "sms": "E.164 number",
}
NAMES: dict[Kind, str] = {
    "email address": "an email address",
    "http(s) URL": "an http(s) URL",
    "E.164 number": "an E.164 number",
}
SLACK_HOST = "hooks.slack.com"

_EMAIL = re.compile(r"[^@\s,;<>\"()\x00-\x1f]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)
_NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


class Target(NamedTuple):
    """A destination of notifications; an empty recipient is the channel's configured default."""

    channel: Channel
    recipient: str


def kind_of(recipient: str) -> Kind | None:
    """The kind of a recipient; None where no channel takes it."""
    if _NUMBER.fullmatch(recipient):
        return "E.164 number"
    if _EMAIL.fullmatch(recipient):
        return "email address"
    try:
        url = urlsplit(recipient)
        valid = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        return None
    return "http(s) URL" if valid and not re.search(r"[\s\x00-\x1f]", recipient) else None


def problem_of(recipient: str, channels: Sequence[Channel]) -> Message | None:
    """Why none of the channels takes that recipient."""
    kind = kind_of(recipient)
    if kind is None:
        return Message(
            "{recipient} is no email address, no http(s) URL and no E.164 number "
            "(such as +5511912345678)",
            {"recipient": repr(recipient)},
        )
    if any(TAKES[channel] == kind for channel in channels):
        return None
    takers = tuple(channel for channel, taken in TAKES.items() if taken == kind)
    values: dict[str, Value] = {
        "recipient": repr(recipient),
        "kind": Term(NAMES[kind]),
        "takers": Listing(takers, "or"),
        "channels": Listing(tuple(channels)) if channels else Term("none"),
    }
    return Message(
        "{recipient} is {kind}, which goes to {takers}; notification_channels names {channels}",
        values,
    )


def targets(channels: Sequence[Channel], recipients: Sequence[str]) -> Iterator[Target]:
    """One target for each recipient, and the configured default of a channel without one.

    Where both Slack and webhook are named, URLs at hooks.slack.com are Slack's and all
    others the webhook's.
    """
    for channel in dict.fromkeys(channels):
        own = [r for r in dict.fromkeys(recipients) if _belongs(r, channel, channels)]
        yield from (Target(channel, recipient) for recipient in own or [""])


def _belongs(recipient: str, channel: Channel, channels: Sequence[Channel]) -> bool:
    if kind_of(recipient) != TAKES[channel]:
        return False
    if TAKES[channel] != "http(s) URL" or not {"slack", "webhook"} <= set(channels):
        return True
    return (urlsplit(recipient).hostname == SLACK_HOST) == (channel == "slack")
