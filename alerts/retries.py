"""Retries: a notification after an attempt is sent, tried again later, or given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerts.channels.base import TransportError
from sql.messages import Message, Value

MAX_ATTEMPTS = 10
# As long as ten attempts take.
MAX_HELD = timedelta(hours=24)

_FIRST_WAIT = 1.0
_FACTOR = 4.0
_JITTER = 0.2
_LONGEST_ASKED_FOR = 6 * 3600.0
# Where a receiver says 429 and not until when.
_USUAL_HOLD = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcome` is the attempt's, `status` the notification's; `next_attempt_at` is set as
    long as it waits. Until `held_until` the receiver wants nothing else either; such an attempt
    does not count.
    """

    outcome: Literal["sent", "failed", "dead"]
    status: Literal["sent", "waiting", "dead"]
    detail: Message
    next_attempt_at: datetime | None = None
    held_until: datetime | None = None


def backoff(attempt: int, retry_after: float | None, random: float) -> float:
    """Seconds to wait after the failure of attempt number `attempt`, the first being 1.

    A second at first, then four times longer each time, so that ten attempts take some 24
    hours; a fifth more or less by `random` in [0, 1). At least what the receiver asks for, up
    to six hours of that.
    """
    wait = _FIRST_WAIT * _FACTOR ** (attempt - 1)
    jittered = wait * (1 + _JITTER * (2 * random - 1))
    return max(jittered, min(retry_after or 0.0, _LONGEST_ASKED_FOR))


def accepted(detail: Message) -> Verdict:
    """The receiver has it."""
    return Verdict("sent", "sent", detail)


def refused(
    error: TransportError, attempt: int, age: timedelta, now: datetime, random: float
) -> Verdict:
    """Another attempt if it may pass and there is one left; `age` is the notification's."""
    if error.permanent:
        return Verdict("dead", "dead", error.detail)
    if error.held and age < MAX_HELD:
        asked = _USUAL_HOLD if error.retry_after is None else error.retry_after
        until = now + timedelta(seconds=min(max(asked, _FIRST_WAIT), _LONGEST_ASKED_FOR))
        return Verdict("failed", "waiting", error.detail, until, until)
    if attempt >= MAX_ATTEMPTS or error.held:
        values: dict[str, Value] = {"detail": error.detail, "number": attempt}
        return Verdict(
            "dead", "dead", Message("{detail}; given up after {number} attempts", values)
        )
    wait = timedelta(seconds=backoff(attempt, error.retry_after, random))
    return Verdict("failed", "waiting", error.detail, now + wait)
