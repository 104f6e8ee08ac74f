"""The endpoints of alert events."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from alerts import events
from alerts.registry import Author, Reach
from service.alerts.access import author_of, reach_of, refusals
from service.alerts.models import (
    DeliveryList,
    EventAnswer,
    EventDetailAnswer,
    EventPage,
    EventParams,
    Remark,
    delivery_out,
    event_out,
)
from service.http.bodies import parse_model, read_json_body
from service.http.endpoint import Endpoint
from service.http.errors import Detail, invalid
from service.http.parameters import read_params
from service.http.paths import id_of
from service.http.responses import json_response, utc_instant
from service.runtime.resources import resources_of
from sql.database import Pool
from sql.errors import missing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_Action = Callable[[Pool, Reach, int, str | None, Author], Awaitable[DictRow | None]]


async def list_alert_events(request: Request) -> Response:
    """Events, newest first."""
    resources = resources_of(request)
    params, _ = read_params(request, EventParams)
    zone = resources.settings.zone
    params.check(zone)
    page, next_cursor = await read_page(resources.read_pool, reach_of(request), params, zone)
    data = [event_out(row) for row in page]
    return json_response(
        {"success": True, "data": data, "count": len(data), "next_cursor": next_cursor}
    )


async def read_page(
    pool: Pool, reach: Reach, params: EventParams, zone: ZoneInfo
) -> tuple[list[DictRow], str | None]:
    """A page of events, newest first, and the cursor of the next one.

    Raises:
        ApiError: 422 for a cursor that is not from here.
    """
    filters = events.Filters(
        params.status,
        params.severity,
        params.rule_id,
        params.metric_name and [params.metric_name],
        params.since(zone),
        params.before(zone),
    )
    cursor = None if params.cursor is None else _position(params.cursor)
    rows = await events.list_events(pool, reach, filters, params.limit + 1, cursor)
    page = rows[: params.limit]
    return page, _cursor(page[-1]) if len(rows) > len(page) else None


async def get_alert_event(request: Request) -> Response:
    """An event with its history: every transition and its reason."""
    row = await found_event(request)
    steps = await events.history(resources_of(request).pool, row["event_id"])
    data = event_out(row) | {
        "unit": row["unit"],
        "aggregation": row["aggregation"],
        "window": row["window_name"],
        "history": [{**step, "at": utc_instant(step["at"])} for step in steps],
    }
    return json_response({"success": True, "data": data})


async def acknowledge_alert_event(request: Request) -> Response:
    """Say that somebody looks after an event; it is not repeated any more."""
    return await _act(request, events.acknowledge)


async def resolve_alert_event(request: Request) -> Response:
    """Resolve an event; it does not reopen until its condition has cleared once."""
    return await _act(request, events.resolve)


async def list_alert_deliveries(request: Request) -> Response:
    """Each attempt to tell somebody of an event, newest first."""
    row = await found_event(request)
    rows = await events.deliveries(resources_of(request).pool, row["event_id"])
    data = [delivery_out(row) for row in rows]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def found_event(request: Request) -> DictRow:
    """The event of the path, in the caller's reach; 404 where there is none."""
    number = id_of(request, "event")
    row = await events.find_event(resources_of(request).pool, reach_of(request), number)
    if row is None:
        raise missing("event", number)
    return row


async def _act(request: Request, action: _Action) -> Response:
    author, number = author_of(request), id_of(request, "event")
    body = await read_json_body(request)
    remark = parse_model(body, Remark) if body else Remark()
    with refusals():
        row = await action(
            resources_of(request).pool, reach_of(request), number, remark.comment, author
        )
    if row is None:
        raise missing("event", number)
    return json_response({"success": True, "data": event_out(row)})


def _cursor(row: DictRow) -> str:
    """The position of a row; opaque to clients."""
    microseconds = (row["opened_at"] - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(f"{microseconds}:{row['event_id']}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, int]:
    try:
        microseconds, number = base64.urlsafe_b64decode(cursor).decode().split(":")
        at, event_id = _EPOCH + int(microseconds) * _MICROSECOND, int(number)
    except (binascii.Error, ValueError, OverflowError) as error:
        raise invalid([Detail(field="cursor", message="Not a cursor from here")]) from error
    if not 0 <= event_id < 2**63:
        raise invalid([Detail(field="cursor", message="Not a cursor from here")])
    return at, event_id


_ONE = "/api/alerts/events/{id:int}"

ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/alerts/events",
        list_alert_events,
        "alerts",
        scope="alerts:read",
        params=EventParams,
        response=EventPage,
    ),
    Endpoint(
        "GET", _ONE, get_alert_event, "alerts", scope="alerts:read", response=EventDetailAnswer
    ),
    Endpoint(
        "POST",
        f"{_ONE}/acknowledge",
        acknowledge_alert_event,
        "alerts",
        scope="alerts:write",
        body=Remark,
        response=EventAnswer,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/resolve",
        resolve_alert_event,
        "alerts",
        scope="alerts:write",
        body=Remark,
        response=EventAnswer,
    ),
    Endpoint(
        "GET",
        f"{_ONE}/deliveries",
        list_alert_deliveries,
        "alerts",
        scope="alerts:read",
        response=DeliveryList,
    ),
]
