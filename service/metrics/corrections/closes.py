"""Closes of periods: their figures stay as they are, until they are reopened."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from service.access.caller import Caller
from service.metrics.ingest.closed import CLOSED_AFTER
from sql import calendar
from sql.connections import Connection
from sql.database import Connections, Pool, connection, fetch_all, run
from sql.errors import Conflict, Invalid, Problem, missing, on_violation
from sql.messages import Message, Term
from sql.scope import Scope
from sql.vocabulary import MetricType


class Closes:
    """Closes and reopens days of `zone`. After each, `follow` is told of the tenant and type."""

    def __init__(
        self, pool: Pool, zone: ZoneInfo, follow: Callable[[str, str], Awaitable[None]]
    ) -> None:
        self._pool = pool
        self._zone = zone
        self._follow = follow

    async def close(self, caller: Caller, until: date, metric_type: MetricType) -> DictRow:
        """The close of everything of that type up to the end of a day.

        Raises:
            Invalid: the day is not over, or just so.
            Conflict: it is closed already, or what is before is being corrected.
        """
        before = calendar.day_start(until + timedelta(days=1), self._zone)
        if before + CLOSED_AFTER > caller.now:
            raise Invalid(
                Problem(Message("A day is closed once it has been over an hour"), "until")
            )
        params = {
            "tenant": caller.tenant,
            "metric_type": metric_type,
            "until": until,
            "before": before,
            "closed_by": caller.principal.id,
        }
        async with connection(self._pool) as conn, conn.transaction():
            # In this order: whoever corrects holds the first and asks for the second.
            await run(conn, "lock_corrections")
            await run(conn, "lock_closes")
            if await run(conn, "void_job_before", params):
                raise Conflict(Message("Samples of that time are being voided; try again later"))
            with on_violation("period_close_once", _repeated(metric_type, until)):
                (row,) = await run(conn, "insert_close", params)
            await _record(conn, caller, "period.close", row)
        await self._follow(caller.tenant, metric_type)
        return row

    async def reopen(self, caller: Caller, close_id: int) -> DictRow:
        """The close that is gone. What an earlier one closes stays closed.

        Raises:
            NotFound: there is none of that number.
        """
        params = {"tenant": caller.tenant, "close_id": close_id}
        async with connection(self._pool) as conn, conn.transaction():
            rows = await run(conn, "delete_close", params)
            if not rows:
                raise missing("close", close_id)
            await _record(conn, caller, "period.reopen", rows[0])
        await self._follow(caller.tenant, rows[0]["metric_type"])
        return rows[0]


async def list_closes(reads: Connections, scope: Scope) -> list[DictRow]:
    """The closes in force, those of the last days first."""
    return await fetch_all(reads, "closes", {"tenant": scope.tenant})


async def _record(conn: Connection, caller: Caller, action: str, row: DictRow) -> None:
    about = {"until": row["until"].isoformat(), "metric_type": row["metric_type"]}
    is_new = action == "period.close"
    await caller.record(
        conn,
        action,
        f"close:{row['close_id']}",
        before=None if is_new else about,
        after=about if is_new else None,
    )


def _repeated(metric_type: MetricType, until: date) -> Conflict:
    return Conflict(
        Message(
            "{type} is closed until {until} already",
            {"type": Term(metric_type), "until": until.isoformat()},
        )
    )
