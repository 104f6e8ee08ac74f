"""Muting the notifications of matching rules for a period."""

from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg.rows import DictRow

from alerts.context import Author
from alerts.registry import find_rule
from sql import audit
from sql.database import Connection, Pool, connection, fetch_all, run
from sql.errors import Forbidden, Invalid, NotFound, Problem, missing
from sql.messages import Message
from sql.scope import Scope

# Values that are stored as JSON, with what none is.
_JSON: Mapping[str, Any] = {"group": {}, "schedule": None}


async def list_silences(pool: Pool, scope: Scope) -> list[DictRow]:
    """Past, current and coming silences in scope, newest first."""
    return await fetch_all(pool, "list_alert_silences", scope.params)


async def add_silence(
    pool: Pool, scope: Scope, silence: Mapping[str, Any], author: Author
) -> DictRow:
    """The new silence; matchers that are None match everything. `group` are labels and dimensions,
    `schedule` the hours in which it is in force; only with one it needs no end.

    Raises:
        Forbidden: it is not of the caller's service.
        Invalid: it ends before it starts, or there is no such rule in scope.
    """
    await _check(pool, scope, silence)
    params = {**silence, "tenant": scope.tenant, "created_by": author.actor}
    params |= {name: _json(silence.get(name) or nothing) for name, nothing in _JSON.items()}
    async with connection(pool) as conn, conn.transaction():
        (row,) = await run(conn, "insert_alert_silence", params)
        await _record(conn, author, "silence.create", after=row)
        return row


async def remove_silence(pool: Pool, scope: Scope, silence_id: int, author: Author) -> None:
    """End a silence now.

    Raises:
        NotFound: there is none of that number in scope.
    """
    async with connection(pool) as conn, conn.transaction():
        params = scope.params | {"silence_id": silence_id}
        rows = await run(conn, "delete_alert_silence", params)
        if not rows:
            raise missing("silence", silence_id)
        await _record(conn, author, "silence.delete", before=rows[0])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _check(pool: Pool, scope: Scope, silence: Mapping[str, Any]) -> None:
    own = scope.service_name
    if own not in (None, silence["service_name"]):
        raise Forbidden(
            Message("This key silences service_name {service} only", {"service": str(own)})
        )
    ends_at = silence["ends_at"]
    if ends_at is None and not silence.get("schedule"):
        raise Invalid(Problem(Message("Only a silence with a schedule needs no end"), "ends_at"))
    if ends_at is not None and ends_at <= silence["starts_at"]:
        raise Invalid(Problem(Message("It is not after starts_at"), "ends_at"))
    if silence["rule_id"] is not None:
        try:
            await find_rule(pool, scope, silence["rule_id"])
        except NotFound as error:
            raise Invalid(Problem(error.message, "rule_id")) from error


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
