"""Steps: what submissions do in the transaction that stores their rows, and may refuse."""

from collections.abc import Mapping, Sequence

from psycopg.pq import TransactionStatus

from service.metrics.ingest.idempotency import Answer, Receipt
from service.metrics.ingest.prepare import Submission
from sql.connections import Connection
from sql.database import run
from sql.errors import DomainError


class Refused(Exception):
    """Refusals by the places of their submissions; the transaction is to be undone."""

    def __init__(self, refusals: Mapping[int, DomainError]) -> None:
        super().__init__(str(refusals))
        self.refusals = refusals


async def take_steps(
    conn: Connection, submissions: Sequence[Submission], answers: Sequence[Answer]
) -> None:
    """Take the steps of the submissions that are stored now, in their order.

    Raises:
        Refused: by all that refuse, or by the first whose statement failed.
    """
    if all(submission.step is None for submission in submissions):
        return
    await run(conn, "set_lock_timeout")
    refusals: dict[int, DomainError] = {}
    for place, (submission, answer) in enumerate(zip(submissions, answers, strict=True)):
        if submission.step is None or not is_new(answer):
            continue
        try:
            await submission.step(conn)
        except DomainError as refusal:
            refusals[place] = refusal
            if conn.info.transaction_status != TransactionStatus.INTRANS:
                break
    if refusals:
        raise Refused(refusals)


def is_new(answer: Answer) -> bool:
    """True where the rows are not stored yet."""
    return isinstance(answer, Receipt) and not answer.replayed
