"""The outbox of notifications: claiming what is due, and recording what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from alerts.retries import Verdict
from sql.database import Pool, fetch_all

# Longer than the slowest send, and than a database that is away between send and record.
LEASE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notification that is this worker's until the lease ends. `message` is as stored."""

    notification_id: UUID
    thread_id: UUID
    event_id: int
    channel: str
    recipient: str
    message: object
    attempt: int


async def claim(pool: Pool, channel: str, now: datetime, limit: int) -> list[Claimed]:
    """Up to `limit` notifications of the channel that are due, and nobody else's."""
    params = {"channel": channel, "now": now, "lease_ends": now + LEASE, "limit": limit}
    rows = await fetch_all(pool, "claim_notifications", params)
    return [
        Claimed(
            notification_id=row["notification_id"],
            thread_id=row["thread_id"],
            event_id=row["event_id"],
            channel=row["channel"],
            recipient=row["recipient"],
            message=row["message"],
            attempt=row["attempts"],
        )
        for row in rows
    ]


async def record(
    pool: Pool, claimed: Claimed, verdict: Verdict, attempted_at: datetime, seconds: float
) -> None:
    """Log the attempt and settle the notification, in one transaction."""
    await fetch_all(
        pool,
        "record_delivery",
        {
            "notification_id": claimed.notification_id,
            "attempt": claimed.attempt,
            "attempted_at": attempted_at,
            "outcome": verdict.outcome,
            "detail": verdict.detail,
            "duration_ms": round(seconds * 1000, 1),
            "status": verdict.status,
            "next_attempt_at": verdict.next_attempt_at,
        },
    )
