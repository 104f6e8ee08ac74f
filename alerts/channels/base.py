"""The interface of channels, and their error."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alerts.notification import Notification
from sql.messages import Message

ACCEPTED = Message("accepted")


@dataclass(frozen=True, slots=True)
class Delivery:
    """`id` is the same on every attempt, so that a receiver recognises a repetition;
    `thread_id` is the id of the first delivery about the same event to this recipient.
    `language` is the recipient's where that is known, `picture` a chart of the event as PNG.
    """

    id: UUID
    thread_id: UUID
    language: str = ""
    picture: bytes | None = None


class TransportError(Exception):
    """A notification did not get through; `permanent` means that it never will.

    The detail goes into the delivery log: it names neither URLs nor credentials.
    `retry_after` is in seconds, where the receiver asked for it; `held` where it wants nothing at
    all until then.
    """

    def __init__(
        self,
        detail: Message,
        *,
        permanent: bool,
        retry_after: float | None = None,
        held: bool = False,
    ) -> None:
        super().__init__(str(detail))
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after
        self.held = held


class Channel(Protocol):
    """One way to notify people."""

    async def send(self, recipient: str, notification: Notification, delivery: Delivery) -> Message:
        """Deliver, to the configured default if `recipient` is empty; the receiver's answer.

        Raises:
            TransportError: it was not accepted.
        """
        ...

    def target(self, recipient: str) -> str:
        """Whom a delivery is asked of, such as the host of a URL: who says 429 there says it for
        all recipients at it.
        """
        ...


def recipient_or(recipient: str, default: str | None, setting: str) -> str:
    """The recipient, else the configured default.

    Raises:
        TransportError: the rule names no recipient and `setting` is unset.
    """
    if chosen := recipient or default:
        return chosen
    raise TransportError(
        Message("the rule names no recipient and {setting} is not set", {"setting": setting}),
        permanent=True,
    )
