"""The outbox of notifications: claiming what is due, and recording what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.retries import Verdict
from sql.database import Pool, connection, fetch_all, run
from sql.messages import to_json

# Longer than the slowest send, and than a database that is away between send and record.
LEASE = timedelta(minutes=3)
# So long after it was held back, a receiver is asked one thing at a time.
_CAREFUL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notification that is this worker's until the lease ends. `stored` is its JSON,
    `language` the recipient's where they chose one.
    """

    notification_id: UUID
    thread_id: UUID
    event_id: int | None
    channel: str
    recipient: str
    stored: object
    attempt: int
    created_at: datetime
    language: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on notifications: `limited` of receivers that answered 429 not long ago, else of
    all others. `default_target` is the target of the channel's configured default.
    """

    channel: str
    limit: int
    limited: bool = False
    by_host: bool = False
    default_target: str = ""


async def claim(pool: Pool, wanted: Claim, now: datetime) -> list[Claimed]:
    """Lease notifications of a channel that are due and that no other process has leased."""
    params = {
        "channel": wanted.channel,
        "limit": wanted.limit,
        "limited": wanted.limited,
        "by_host": wanted.by_host,
        "default_target": wanted.default_target,
        "now": now,
        "careful_since": now - _CAREFUL,
        "lease_ends": now + LEASE,
    }
    return [_claimed(row) for row in await fetch_all(pool, "claim_notifications", params)]


async def record(
    pool: Pool,
    claimed: Claimed,
    verdict: Verdict,
    target: str,
    attempted_at: datetime,
    seconds: float,
) -> None:
    """Log the attempt and settle the notification, in one transaction; hold back its target where
    that asks for it.
    """
    params = {
        "notification_id": claimed.notification_id,
        "attempt": claimed.attempt,
        "attempted_at": attempted_at,
        "outcome": verdict.outcome,
        "detail": str(verdict.detail),
        "detail_message": to_json(verdict.detail),
        "duration_ms": round(seconds * 1000, 1),
        "status": verdict.status,
        "next_attempt_at": verdict.next_attempt_at,
        "counts": verdict.held_until is None,
    }
    async with connection(pool) as conn, conn.transaction():
        await run(conn, "record_delivery", params)
        if verdict.held_until is not None:
            hold = {"channel": claimed.channel, "target": target, "until": verdict.held_until}
            await run(conn, "hold_channel", hold)


def _claimed(row: Mapping[str, Any]) -> Claimed:
    return Claimed(
        notification_id=row["notification_id"],
        thread_id=row["thread_id"],
        event_id=row["event_id"],
        channel=row["channel"],
        recipient=row["recipient"],
        stored=row["message"],
        attempt=row["attempts"],
        created_at=row["created_at"],
        language=row["language"] or "",
    )
