"""What every channel is, and how it says that a message did not get through."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alerts.messages import Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """`id` is the same on every attempt, so that a receiver can tell a repetition;
    `thread_id` is the id of the first delivery about the same event to this recipient.
    """

    id: UUID
    thread_id: UUID


class TransportError(Exception):
    """A message did not get through; `permanent` means that it never will.

    The text goes into the delivery log: it names neither URLs nor credentials.
    `retry_after` is in seconds, where the receiver asked for it.
    """

    def __init__(self, detail: str, *, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after


class Channel(Protocol):
    """One way to tell people."""

    async def send(self, recipient: str, message: Message, delivery: Delivery) -> str:
        """Deliver, to the configured default if `recipient` is empty; what the receiver said.

        Raises:
            TransportError: it was not accepted.
        """
        ...


def recipient_or(recipient: str, default: str | None, setting: str) -> str:
    """Where to send.

    Raises:
        TransportError: the rule names no recipient and `setting` is unset.
    """
    if chosen := recipient or default:
        return chosen
    raise TransportError(f"the rule names no recipient and {setting} is not set", permanent=True)
