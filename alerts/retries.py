"""What becomes of a notification after an attempt: sent, tried again later, or given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerts.channels.base import TransportError

MAX_ATTEMPTS = 10

_FIRST_WAIT = 30.0
_FACTOR = 2.5
_JITTER = 0.2
_LONGEST_ASKED_FOR = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcome` is the attempt's, `status` the notification's; `next_attempt_at` is set as
    long as it waits.
    """

    outcome: Literal["sent", "failed", "dead"]
    status: Literal["sent", "waiting", "dead"]
    detail: str
    next_attempt_at: datetime | None = None


def backoff(attempt: int, retry_after: float | None, random: float) -> float:
    """Seconds to wait after the failure of attempt number `attempt`, the first being 1.

    Half a minute at first, then two and a half times longer each time, so that ten attempts
    take some 21 hours; a fifth more or less by `random` in [0, 1). At least what the
    receiver asks for, up to six hours of that.
    """
    wait = _FIRST_WAIT * _FACTOR ** (attempt - 1)
    jittered = wait * (1 + _JITTER * (2 * random - 1))
    return max(jittered, min(retry_after or 0.0, _LONGEST_ASKED_FOR))


def accepted(detail: str) -> Verdict:
    """The receiver has it."""
    return Verdict("sent", "sent", detail)


def refused(error: TransportError, attempt: int, now: datetime, random: float) -> Verdict:
    """Another attempt if it may pass and there is one left."""
    if error.permanent:
        return Verdict("dead", "dead", error.detail)
    if attempt >= MAX_ATTEMPTS:
        return Verdict("dead", "dead", f"{error.detail}; given up after {attempt} attempts")
    wait = timedelta(seconds=backoff(attempt, error.retry_after, random))
    return Verdict("failed", "waiting", error.detail, now + wait)
