"""Delivering the outbox: claim, send outside any transaction, record; at least once."""

import asyncio
import random
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from prometheus_client import Counter

from alerts.channels.base import Channel, Delivery, TransportError
from alerts.messages import Message
from alerts.outbox import LEASE, Claimed, claim, record
from alerts.retries import Verdict, accepted, refused
from sql.database import Pool
from sql.errors import DatabaseError, DatabaseUnavailable

CHANNELS = ("email", "slack", "webhook", "sms")
AT_ONCE = 16
POLL_SECONDS = 1.0
GRACE_SECONDS = 10.0
ATTEMPTS = Counter(
    "fature_delivery_attempts_total",
    "Attempts to tell somebody, and what came of them.",
    ["channel", "outcome"],
)

_NEEDS = {
    "email": "FATURE_SMTP_HOST",
    "sms": "FATURE_SMS_ACCOUNT, FATURE_SMS_TOKEN and FATURE_SMS_FROM",
}

Channels = Mapping[str, Channel]
Clock = Callable[[], datetime]

_log = structlog.get_logger()


async def deliver_due(pool: Pool, channels: Channels, now: datetime) -> int:
    """Attempt everything that is due at `now`, once; how many attempts that were."""
    attempts = 0
    for name in CHANNELS:
        while batch := await claim(pool, name, now, AT_ONCE):
            await asyncio.gather(*(deliver(pool, channels, one, lambda: now) for one in batch))
            attempts += len(batch)
    return attempts


async def run(pool: Pool, channels: Channels, stop: asyncio.Event) -> None:
    """Deliver until `stop` is set; what is being sent then has `GRACE_SECONDS` to finish.

    Each channel has a worker of its own, so that one that hangs holds up no other.
    """
    await asyncio.gather(*(_run_channel(pool, channels, name, stop) for name in CHANNELS))


async def deliver(pool: Pool, channels: Channels, claimed: Claimed, clock: Clock) -> None:
    """One attempt and its record."""
    began, timer = clock(), time.monotonic()
    verdict = await _attempt(channels, claimed, clock)
    seconds = time.monotonic() - timer
    _log_attempt(claimed, verdict)
    await _record_while_leased(pool, claimed, verdict, began, seconds)


async def send(
    channels: Channels, name: str, recipient: str, message: Message, to: Delivery
) -> str:
    """Send through a channel; whatever goes wrong becomes one kind of error.

    Raises:
        TransportError: it was not accepted, whatever the reason.
    """
    channel = channels.get(name)
    if channel is None:
        needs = _NEEDS.get(name, "it")
        raise TransportError(f"{name} is not configured: set {needs}", permanent=True)
    try:
        return await channel.send(recipient, message, to)
    except TransportError:
        raise
    except Exception as error:
        # Its text is not logged: it may hold a URL or an address.
        stack = "".join(traceback.format_tb(error.__traceback__))
        _log.error("channel_failed", channel=name, error=type(error).__name__, stack=stack)
        detail = f"unexpected failure ({type(error).__name__})"
        raise TransportError(detail, permanent=False) from error


async def _attempt(channels: Channels, claimed: Claimed, clock: Clock) -> Verdict:
    delivery = Delivery(claimed.notification_id, claimed.thread_id)
    try:
        message = _message_of(claimed)
        detail = await send(channels, claimed.channel, claimed.recipient, message, delivery)
    except TransportError as error:
        return refused(error, claimed.attempt, clock(), random.random())  # noqa: S311
    return accepted(detail)


def _message_of(claimed: Claimed) -> Message:
    try:
        return msgspec.convert(claimed.message, Message)
    except msgspec.ValidationError as error:
        raise TransportError("the stored message cannot be read", permanent=True) from error


async def _record_while_leased(
    pool: Pool, claimed: Claimed, verdict: Verdict, began: datetime, seconds: float
) -> None:
    """Outlast a database that is away: unrecorded, what was sent would be sent again."""
    deadline = time.monotonic() + LEASE.total_seconds() - seconds
    while True:
        try:
            await record(pool, claimed, verdict, began, seconds)
            return
        except DatabaseError as error:
            away = isinstance(error, DatabaseUnavailable)
            if not away or time.monotonic() > deadline:
                _log.error("delivery_not_recorded", reason=str(error), **_names(claimed))
                return
        await asyncio.sleep(POLL_SECONDS)


async def _run_channel(pool: Pool, channels: Channels, name: str, stop: asyncio.Event) -> None:
    under_way: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        full = False
        try:
            full = await _start_due(pool, channels, name, under_way)
        except DatabaseError as error:
            _log.warning("outbox_unavailable", channel=name, reason=str(error))
        except Exception:
            _log.exception("outbox_failed", channel=name)
        await _pause(stop, under_way, POLL_SECONDS, until_free=full)
    await _finish(under_way)


async def _start_due(
    pool: Pool, channels: Channels, name: str, under_way: set[asyncio.Task[None]]
) -> bool:
    """Start what is due as far as there is room; whether there may be more."""
    room = AT_ONCE - len(under_way)
    if room == 0:
        return True
    batch = await claim(pool, name, datetime.now(UTC), room)
    for one in batch:
        task = asyncio.create_task(deliver(pool, channels, one, lambda: datetime.now(UTC)))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        task.add_done_callback(_log_failure)
    return len(batch) == room


async def _pause(
    stop: asyncio.Event, under_way: set[asyncio.Task[None]], seconds: float, *, until_free: bool
) -> None:
    """Until it is time to look again: `seconds`, or a free place when there is more to do."""
    stopping = asyncio.create_task(stop.wait())
    waited_for = {stopping, *under_way} if until_free else {stopping}
    try:
        await asyncio.wait(waited_for, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


async def _finish(under_way: set[asyncio.Task[None]]) -> None:
    """What takes longer is sent again after the lease, with the same delivery id."""
    if not under_way:
        return
    _, late = await asyncio.wait(under_way, timeout=GRACE_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("delivery_failed", error=type(error).__name__, reason=str(error))


def _log_attempt(claimed: Claimed, verdict: Verdict) -> None:
    ATTEMPTS.labels(claimed.channel, verdict.outcome).inc()
    log = _log.info if verdict.outcome == "sent" else _log.warning
    log(
        f"notification_{verdict.outcome}",
        attempt=claimed.attempt,
        detail=verdict.detail,
        **_names(claimed),
    )


def _names(claimed: Claimed) -> dict[str, Any]:
    return {
        "notification_id": str(claimed.notification_id),
        "event_id": claimed.event_id,
        "channel": claimed.channel,
    }
