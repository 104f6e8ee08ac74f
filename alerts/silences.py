"""Muting the notifications of matching rules for a period."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import DictRow

from alerts.registry import Author, Reach
from sql import audit
from sql.database import Connection, Pool, connection, fetch_all, run


async def list_silences(pool: Pool, reach: Reach) -> list[DictRow]:
    """Past, current and coming silences in reach, newest first."""
    return await fetch_all(pool, "list_alert_silences", reach._asdict())


async def add_silence(
    pool: Pool, reach: Reach, silence: Mapping[str, Any], author: Author
) -> DictRow:
    """The new silence; columns that are None match everything."""
    params = {**silence, "tenant": reach.tenant, "created_by": author.actor}
    async with connection(pool) as conn, conn.transaction():
        (row,) = await run(conn, "insert_alert_silence", params)
        await _record(conn, author, "silence.create", after=row)
        return row


async def remove_silence(pool: Pool, reach: Reach, silence_id: int, author: Author) -> bool:
    """Whether there was one in reach to remove."""
    async with connection(pool) as conn, conn.transaction():
        params = reach._asdict() | {"silence_id": silence_id}
        rows = await run(conn, "delete_alert_silence", params)
        for row in rows:
            await _record(conn, author, "silence.delete", before=row)
        return bool(rows)


async def _record(
    conn: Connection,
    author: Author,
    action: str,
    *,
    before: DictRow | None = None,
    after: DictRow | None = None,
) -> None:
    row = after or before
    assert row is not None
    target = f"silence:{row['silence_id']}"
    await audit.record(
        conn,
        row["tenant"],
        author.actor,
        action,
        target,
        before=before,
        after=after,
        address=author.address,
    )
