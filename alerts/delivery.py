"""Delivering the outbox: claim, send outside any transaction, record; at least once."""

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog
from prometheus_client import Counter

from alerts.channels.base import Channel, Delivery, TransportError
from alerts.impact import Impact, stored_impact
from alerts.notification import Notification
from alerts.outbox import LEASE, Claim, Claimed, claim, record
from alerts.retries import Verdict, accepted, refused
from sql.database import Pool
from sql.errors import DatabaseError, DatabaseUnavailable
from sql.messages import Message

CHANNELS = ("email", "slack", "webhook", "sms")
AT_ONCE = 16
# Their receivers are hosts of URLs; the others share one server or provider.
_BY_HOST = frozenset({"slack", "webhook"})
POLL_SECONDS = 1.0
GRACE_SECONDS = 10.0
ATTEMPTS = Counter(
    "fature_delivery_attempts_total",
    "Attempts to notify somebody, and what came of them.",
    ["channel", "outcome"],
)

_NEEDS = {
    "email": "FATURE_SMTP_HOST",
    "sms": "FATURE_SMS_ACCOUNT, FATURE_SMS_TOKEN and FATURE_SMS_FROM",
}

Channels = Mapping[str, Channel]
Clock = Callable[[], datetime]
Found = TypeVar("Found")
_DETAILED = frozenset({"opened", "repeated", "resolved"})
_DETAIL_SECONDS = 4.0

_log = structlog.get_logger()


class Details(NamedTuple):
    """What is found out about an event when it is told of: its impact, and its chart as PNG in a
    language (empty: that of the installation).
    """

    impact: Callable[[int], Awaitable[Impact | None]]
    picture: Callable[[int, str], Awaitable[bytes | None]]


async def deliver_due(
    pool: Pool, channels: Channels, now: datetime, details: Details | None = None
) -> int:
    """Attempt everything that is due at `now`, once; how many attempts that were."""
    attempts = 0
    for name in CHANNELS:
        for limited in (False, True):
            wanted = claim_of(channels, name, 1 if limited else AT_ONCE, limited=limited)
            while batch := await claim(pool, wanted, now):
                await asyncio.gather(
                    *(deliver(pool, channels, one, lambda: now, details) for one in batch)
                )
                attempts += len(batch)
    return attempts


def claim_of(channels: Channels, name: str, limit: int, *, limited: bool = False) -> Claim:
    """The claim on the notifications of a channel."""
    channel = channels.get(name)
    return Claim(
        name,
        limit,
        limited=limited,
        by_host=name in _BY_HOST,
        default_target=channel.target("") if channel else "",
    )


async def run(
    pool: Pool, channels: Channels, stop: asyncio.Event, details: Details | None = None
) -> None:
    """Deliver until `stop` is set; what is being sent then has `GRACE_SECONDS` to finish.

    Each channel has a worker of its own, so that one that hangs holds up no other.
    """
    await asyncio.gather(*(_run_channel(pool, channels, name, stop, details) for name in CHANNELS))


async def deliver(
    pool: Pool,
    channels: Channels,
    claimed: Claimed,
    clock: Clock,
    details: Details | None = None,
) -> None:
    """One attempt and its record. Without `details` the impact that is kept is told."""
    began, timer = clock(), time.monotonic()
    verdict = await _attempt(channels, claimed, clock, details or _kept(pool))
    seconds = time.monotonic() - timer
    _log_attempt(claimed, verdict)
    channel = channels.get(claimed.channel)
    target = channel.target(claimed.recipient) if channel else ""
    await _record_while_leased(pool, claimed, verdict, target, began, seconds)


async def send(
    channels: Channels, name: str, recipient: str, notification: Notification, to: Delivery
) -> Message:
    """Send through a channel; whatever goes wrong becomes one kind of error.

    Raises:
        TransportError: it was not accepted, whatever the reason.
    """
    channel = channels.get(name)
    if channel is None:
        values = {"channel": name, "settings": _NEEDS.get(name, "it")}
        said = Message("{channel} is not configured: set {settings}", values)
        raise TransportError(said, permanent=True)
    try:
        return await channel.send(recipient, notification, to)
    except TransportError:
        raise
    except Exception as error:
        # Its text is not logged: it may hold a URL or an address.
        stack = "".join(traceback.format_tb(error.__traceback__))
        _log.error("channel_failed", channel=name, error=type(error).__name__, stack=stack)
        said = Message("unexpected failure ({error})", {"error": type(error).__name__})
        raise TransportError(said, permanent=False) from error


async def _attempt(channels: Channels, claimed: Claimed, clock: Clock, details: Details) -> Verdict:
    delivery = Delivery(claimed.notification_id, claimed.thread_id, claimed.language)
    try:
        notification = _notification_of(claimed)
        if notification.event_id is not None and notification.transition in _DETAILED:
            notification, delivery = await _detailed(notification, delivery, claimed, details)
        detail = await send(channels, claimed.channel, claimed.recipient, notification, delivery)
    except TransportError as error:
        now = clock()
        age = now - claimed.created_at
        return refused(error, claimed.attempt, age, now, random.random())  # noqa: S311
    return accepted(detail)


def _notification_of(claimed: Claimed) -> Notification:
    try:
        return msgspec.convert(claimed.stored, Notification)
    except msgspec.ValidationError as error:
        said = Message("the stored message cannot be read")
        raise TransportError(said, permanent=True) from error


async def _detailed(
    notification: Notification, delivery: Delivery, claimed: Claimed, details: Details
) -> tuple[Notification, Delivery]:
    """With the impact, and where it is a mail with the chart."""
    number = notification.event_id
    assert number is not None
    impact = _in_time(details.impact(number), number)
    if claimed.channel != "email":
        return msgspec.structs.replace(notification, impact=await impact), delivery
    # At the same time, so that both together keep nobody waiting longer than one.
    picture = _in_time(details.picture(number, claimed.language), number)
    known, drawn = await asyncio.gather(impact, picture)
    return msgspec.structs.replace(notification, impact=known), replace(delivery, picture=drawn)


async def _in_time(detail: Awaitable[Found | None], number: int) -> Found | None:
    """A detail, unless it takes too long: nobody is notified later for it."""
    try:
        async with asyncio.timeout(_DETAIL_SECONDS):
            return await detail
    except Exception as error:
        _log.warning("detail_failed", event_id=number, reason=str(error) or type(error).__name__)
        return None


def _kept(pool: Pool) -> Details:
    """The impacts that are kept, and no charts."""

    async def impact(event_id: int) -> Impact | None:
        kept, _ = await stored_impact(pool, event_id)
        return kept

    async def picture(event_id: int, language: str) -> bytes | None:
        return None

    return Details(impact, picture)


async def _record_while_leased(
    pool: Pool,
    claimed: Claimed,
    verdict: Verdict,
    target: str,
    began: datetime,
    seconds: float,
) -> None:
    """Outlast a database that is away: unrecorded, what was sent would be sent again."""
    deadline = time.monotonic() + LEASE.total_seconds() - seconds
    while True:
        try:
            await record(pool, claimed, verdict, target, began, seconds)
            return
        except DatabaseError as error:
            away = isinstance(error, DatabaseUnavailable)
            if not away or time.monotonic() > deadline:
                _log.error("delivery_not_recorded", reason=str(error), **_names(claimed))
                return
        await asyncio.sleep(POLL_SECONDS)


async def _run_channel(
    pool: Pool, channels: Channels, name: str, stop: asyncio.Event, details: Details | None
) -> None:
    under_way: set[asyncio.Task[None]] = set()
    # To receivers that said 429 not long ago goes one at a time.
    careful: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        full = False
        try:
            full = await _start_due(pool, channels, name, under_way, details)
            full |= await _start_due(pool, channels, name, careful, details, limited=True)
        except DatabaseError as error:
            _log.warning("outbox_unavailable", channel=name, reason=str(error))
        except Exception:
            _log.exception("outbox_failed", channel=name)
        await _pause(stop, under_way | careful, POLL_SECONDS, until_free=full)
    await _finish(under_way | careful)


async def _start_due(
    pool: Pool,
    channels: Channels,
    name: str,
    under_way: set[asyncio.Task[None]],
    details: Details | None,
    *,
    limited: bool = False,
) -> bool:
    """Start what is due as far as there is room; whether there may be more."""
    room = (1 if limited else AT_ONCE) - len(under_way)
    if room == 0:
        return True
    batch = await claim(pool, claim_of(channels, name, room, limited=limited), datetime.now(UTC))
    for one in batch:
        task = asyncio.create_task(deliver(pool, channels, one, lambda: datetime.now(UTC), details))
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
    """Wait for attempts; one that takes longer is made again after its lease, with the same id."""
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
        detail=str(verdict.detail),
        **_names(claimed),
    )


def _names(claimed: Claimed) -> dict[str, Any]:
    return {
        "notification_id": str(claimed.notification_id),
        "event_id": claimed.event_id,
        "channel": claimed.channel,
    }
