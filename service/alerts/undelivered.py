"""Notifications that never arrived, for the pages that say so."""

from datetime import UTC, datetime, timedelta

from psycopg.rows import DictRow
from starlette.requests import Request

from alerts.events import dead_notifications
from service.alerts.authors import scope_of
from service.http.authentication import principal_of
from service.runtime.resources import resources_of

SHOWN_FOR = timedelta(days=7)


async def undelivered(request: Request) -> DictRow | None:
    """The number of notifications that died of late, and the newest event concerned; None where
    none did or where the caller may not read alerts.
    """
    if not principal_of(request).may("alerts:read"):
        return None
    pool, since = resources_of(request).read_pool, datetime.now(UTC) - SHOWN_FOR
    row = await dead_notifications(pool, scope_of(request), since)
    return row if row["number"] else None
