"""One flush: submissions to rows on disk, in one transaction, with PostgreSQL's COPY."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from prometheus_client import Counter, Histogram
from psycopg.copy import AsyncLibpqWriter

from alerts.changes import note_changes
from service.metrics.ingest.closed import closed, closes_touched
from service.metrics.ingest.idempotency import Answer, claim
from service.metrics.ingest.prepare import Submission
from service.metrics.ingest.sources import count_readings
from service.metrics.ingest.steps import Refused, is_new, take_steps
from sql.connections import Connection
from sql.database import note_duration
from sql.errors import DomainError
from sql.statements import Query, imported_of, query, samples_of
from sql.vocabulary import FREQUENCIES

# The header and trailer of COPY's binary format.
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
# Let libpq take a whole flush at once: it is small, and each wait in between would leave
# PostgreSQL idle for a turn of a busy event loop.
_NO_FLUSH = sys.maxsize

STORED = Counter("fature_ingest_samples_total", "Samples stored.", ["frequency"])
FLUSH_SAMPLES = Histogram(
    "fature_ingest_flush_samples",
    "Samples written in one transaction.",
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000),
)
FLUSH_SECONDS = Histogram(
    "fature_ingest_flush_seconds",
    "Time of one transaction.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)

_COPY = {
    frequency: query("copy_samples").format(relation=samples_of(frequency))
    for frequency in FREQUENCIES
}
_COPY_IMPORTED = {
    frequency: query("copy_imported").format(relation=imported_of(frequency))
    for frequency in FREQUENCIES
}


async def write(conn: Connection, submissions: Sequence[Submission]) -> list[Answer]:
    """One transaction for all submissions; the answer to each, once it is committed."""
    started = time.perf_counter()
    try:
        answers, stored = await _commit(conn, submissions)
    except Refused as refused:
        answers, stored = await _commit_others(conn, submissions, refused.refusals)
    FLUSH_SECONDS.observe(time.perf_counter() - started)
    FLUSH_SAMPLES.observe(sum(stored.values()))
    for frequency, count in stored.items():
        STORED.labels(frequency).inc(count)
    return answers


async def _commit(
    conn: Connection, submissions: Sequence[Submission]
) -> tuple[list[Answer], dict[str, int]]:
    """The answers, and how many samples of each frequency were stored.

    Raises:
        Refused: by steps, or as closed; nothing was stored.
    """
    async with nullcontext() if _is_one_statement(submissions) else conn.transaction():
        answers = await claim(conn, submissions)
        await _check_open(conn, submissions, answers)
        await take_steps(conn, submissions, answers)
        new = [
            submission
            for submission, answer in zip(submissions, answers, strict=True)
            if is_new(answer)
        ]
        stored = await _copy(conn, new)
        await note_changes(conn, [one for submission in new for one in submission.changes])
        return answers, stored


async def _commit_others(
    conn: Connection, submissions: Sequence[Submission], refusals: Mapping[int, DomainError]
) -> tuple[list[Answer], dict[str, int]]:
    """The same once more without those at the places that refuse, as often as others do."""
    found: dict[int, Answer] = dict(refusals)
    stored: dict[str, int] = {}
    while others := [place for place in range(len(submissions)) if place not in found]:
        try:
            answers, stored = await _commit(conn, [submissions[place] for place in others])
        except Refused as refused:
            found |= {others[place]: refusal for place, refusal in refused.refusals.items()}
        else:
            found |= zip(others, answers, strict=True)
    return [found[place] for place in range(len(submissions))], stored


async def _check_open(
    conn: Connection, submissions: Sequence[Submission], answers: Sequence[Answer]
) -> None:
    """Refuse submissions with samples in closed periods.

    Raises:
        Refused: all of them.
    """
    late = [
        (place, one)
        for place, (submission, answer) in enumerate(zip(submissions, answers, strict=True))
        if is_new(answer)
        for one in submission.late
    ]
    touched = await closes_touched(conn, [one for _, one in late])
    if touched:
        raise Refused({late[number][0]: closed(close) for number, close in touched.items()})


def _is_one_statement(submissions: Sequence[Submission]) -> bool:
    """True where a single COPY writes all: that is a transaction by itself, and BEGIN and COMMIT
    would be two more round trips.
    """
    alone = all(
        s.idempotency is None and s.step is None and not s.readings and not s.late and not s.changes
        for s in submissions
    )
    return alone and len({f for submission in submissions for f in submission.rows}) == 1


async def _copy(conn: Connection, submissions: Sequence[Submission]) -> dict[str, int]:
    """How many samples of each frequency."""
    stored: dict[str, int] = {}
    rows = await count_readings(conn, submissions)
    imported: dict[str, list[bytes]] = {}
    for submission in submissions:
        for frequency, some in submission.rows.items():
            rows.setdefault(frequency, []).append(some)
        for frequency, some in submission.imported.items():
            imported.setdefault(frequency, []).append(some)
    for statements, parts in ((_COPY, rows), (_COPY_IMPORTED, imported)):
        for frequency in FREQUENCIES:
            if frequency in parts:
                number = await _copy_in(conn, statements[frequency], parts[frequency])
                stored[frequency] = stored.get(frequency, 0) + number
    return stored


async def _copy_in(conn: Connection, statement: Query, parts: Sequence[bytes]) -> int:
    """How many rows."""
    started = time.perf_counter()
    async with conn.cursor() as cursor:
        writer = AsyncLibpqWriter(cursor, flush_threshold=_NO_FLUSH)
        async with cursor.copy(statement.body, writer=writer) as copy:
            await copy.write(b"".join([_COPY_HEADER, *parts, _COPY_END]))
        number = cursor.rowcount
    note_duration(statement.name, time.perf_counter() - started)
    return number
