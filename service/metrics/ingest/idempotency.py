"""Idempotency keys: who was the first under a key, and the answer that was given."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.metrics.ingest.prepare import IdempotencyKey, Submission
from sql.connections import Connection
from sql.database import run
from sql.errors import Conflict, DatabaseTimeout, DomainError
from sql.messages import Message

_KEY_REUSED = Message("This Idempotency-Key was used before with another request")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a request's samples are: ids `first_id` and following, on disk."""

    first_id: int
    count: int
    replayed: bool = False


# Or the refusal.
Answer = Receipt | DomainError


async def claim(conn: Connection, submissions: Sequence[Submission]) -> list[Answer]:
    """Take the idempotency keys of the submissions; for a key that was taken before, its
    first answer or the refusal.
    """
    keyed = [s for s in submissions if s.idempotency is not None]
    if not keyed:
        return [Receipt(s.first_id, s.count) for s in submissions]
    await run(conn, "set_lock_timeout")
    keys = [s.idempotency for s in keyed if s.idempotency]
    rows = await run(
        conn,
        "claim_idempotency_keys",
        {
            "principal": [key.principal for key in keys],
            "key": [key.key for key in keys],
            "sha256": [key.sha256 for key in keys],
            "first_id": [s.first_id for s in keyed],
            "count": [s.count for s in keyed],
        },
    )
    claimed = {(row["principal"], row["idempotency_key"]) for row in rows}
    return [
        Receipt(submission.first_id, submission.count)
        if (key := submission.idempotency) is None or (key.principal, key.key) in claimed
        else await _earlier_answer(conn, key)
        for submission in submissions
    ]


async def _earlier_answer(conn: Connection, key: IdempotencyKey) -> Answer:
    try:
        answer = await first_answer(conn, key)
    except Conflict as refusal:
        return refusal
    if answer is None:  # pruned between the two statements
        raise DatabaseTimeout("an Idempotency-Key expired meanwhile")
    return answer


async def first_answer(conn: Connection, key: IdempotencyKey) -> Receipt | None:
    """The first answer under a key, if there was one.

    Raises:
        Conflict: to another body.
    """
    rows = await run(conn, "find_idempotency_key", {"principal": key.principal, "key": key.key})
    if not rows:
        return None
    if rows[0]["body_sha256"] != key.sha256:
        raise Conflict(_KEY_REUSED)
    return Receipt(rows[0]["first_id"], rows[0]["sample_count"], replayed=True)
