"""Pages of events, and the cursors between them."""

from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from alerts import events
from service.alerts.models import EventParams, ManyEvents
from service.http.pagination import cursor_of, position_of
from sql.database import Pool
from sql.scope import Scope

_LISTING = "events"


async def read_page(
    pool: Pool, scope: Scope, params: EventParams, zone: ZoneInfo
) -> tuple[list[DictRow], str | None]:
    """A page of events, newest first, and the cursor of the next one.

    Raises:
        Invalid: the cursor is not from here, or the range ends before it starts.
    """
    filters = filters_of(params, zone)
    cursor = None if params.cursor is None else position_of(_LISTING, params.cursor)
    rows = await events.list_events(pool, scope, filters, params.limit + 1, cursor)
    page = rows[: params.limit]
    return page, cursor_of_event(page[-1]) if len(rows) > len(page) else None


def filters_of(params: EventParams | ManyEvents, zone: ZoneInfo) -> events.Filters:
    """The filters that were given.

    Raises:
        Invalid: the range ends before it starts.
    """
    params.check(zone)
    return events.Filters(
        params.status,
        params.severity,
        params.rule_id,
        params.metric_name and [params.metric_name],
        params.since(zone),
        params.before(zone),
    )


def cursor_of_event(row: DictRow) -> str:
    """The cursor behind an event."""
    return cursor_of(_LISTING, row["opened_at"], row["event_id"])
