"""Pages of events, and the cursors between them."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from alerts import events
from service.alerts.models import EventParams
from sql.database import Pool
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


async def read_page(
    pool: Pool, scope: Scope, params: EventParams, zone: ZoneInfo
) -> tuple[list[DictRow], str | None]:
    """A page of events, newest first, and the cursor of the next one.

    Raises:
        Invalid: the cursor is not from here, or the range ends before it starts.
    """
    params.check(zone)
    filters = events.Filters(
        params.status,
        params.severity,
        params.rule_id,
        params.metric_name and [params.metric_name],
        params.since(zone),
        params.before(zone),
    )
    cursor = None if params.cursor is None else _position(params.cursor)
    rows = await events.list_events(pool, scope, filters, params.limit + 1, cursor)
    page = rows[: params.limit]
    return page, _cursor(page[-1]) if len(rows) > len(page) else None


def _cursor(row: DictRow) -> str:
    """The position of a row; opaque to clients."""
    microseconds = (row["opened_at"] - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(f"{microseconds}:{row['event_id']}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, int]:
    wrong = Invalid(Problem(Message("Not a cursor from here"), "cursor"))
    try:
        microseconds, number = base64.urlsafe_b64decode(cursor).decode().split(":")
        at, event_id = _EPOCH + int(microseconds) * _MICROSECOND, int(number)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise wrong from error
    if not 0 <= event_id < 2**63:
        raise wrong
    return at, event_id
