"""The endpoints of alert events."""

from collections.abc import Awaitable, Callable, Sequence

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from alerts import events, together
from alerts.context import Author
from service.alerts.authors import author_of, scope_of
from service.alerts.models import (
    DeliveryList,
    EventAnswer,
    EventDetailAnswer,
    EventList,
    EventPage,
    EventParams,
    ManyEvents,
    Remark,
    delivery_out,
    event_out,
    transition_out,
)
from service.alerts.paging import filters_of, read_page
from service.http.bodies import parse_model, read_json_body, read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response, list_response
from service.http.parameters import read_params
from service.http.paths import id_of
from service.http.responses import json_response
from service.runtime.resources import resources_of
from sql.database import Pool
from sql.scope import Scope

_Action = Callable[[Pool, Scope, int, str | None, Author], Awaitable[DictRow]]
_Actions = Callable[
    [Pool, Scope, events.Filters | Sequence[int], str | None, Author], Awaitable[list[DictRow]]
]


async def list_alert_events(request: Request) -> Response:
    """Events, newest first."""
    resources = resources_of(request)
    params, _ = read_params(request, EventParams)
    zone = resources.settings.zone
    page, next_cursor = await read_page(resources.read_pool, scope_of(request), params, zone)
    return list_response([event_out(row) for row in page], next_cursor)


async def get_alert_event(request: Request) -> Response:
    """An event with its history: every transition and its reason."""
    pool = resources_of(request).pool
    row = await events.find_event(pool, scope_of(request), id_of(request, "event"))
    steps = await events.history(pool, row["event_id"])
    data = event_out(row) | {
        "unit": row["unit"],
        "compared": row["compared"],
        "aggregation": row["aggregation"],
        "window": row["window_name"],
        "history": [transition_out(step) for step in steps],
    }
    return item_response(data)


async def acknowledge_alert_event(request: Request) -> Response:
    """Acknowledge an event, which is then not repeated any more."""
    return await _act(request, events.acknowledge)


async def resolve_alert_event(request: Request) -> Response:
    """Resolve an event; it does not reopen until its condition has cleared once."""
    return await _act(request, events.resolve)


async def acknowledge_alert_events(request: Request) -> Response:
    """Acknowledge many events at once; those that are not open stay as they are."""
    return await _act_on_many(request, together.acknowledge_many)


async def resolve_alert_events(request: Request) -> Response:
    """Resolve many events at once; those that are resolved stay as they are."""
    return await _act_on_many(request, together.resolve_many)


async def list_alert_deliveries(request: Request) -> Response:
    """Each attempt to notify a recipient of an event, newest first."""
    pool = resources_of(request).pool
    row = await events.find_event(pool, scope_of(request), id_of(request, "event"))
    rows = await events.deliveries(pool, row["event_id"])
    return list_response([delivery_out(row) for row in rows])


async def _act(request: Request, action: _Action) -> Response:
    author, number = author_of(request), id_of(request, "event")
    body = await read_json_body(request)
    remark = parse_model(body, Remark) if body else Remark()
    pool = resources_of(request).pool
    row = await action(pool, scope_of(request), number, remark.comment, author)
    return item_response(event_out(row))


async def _act_on_many(request: Request, action: _Actions) -> Response:
    author, given = author_of(request), await read_model(request, ManyEvents)
    resources = resources_of(request)
    which = filters_of(given, resources.settings.zone) if given.ids is None else given.ids
    rows = await action(resources.pool, scope_of(request), which, given.comment, author)
    data = [event_out(row) for row in rows]
    return json_response({"success": True, "data": data, "count": len(data)})


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
    *(
        Endpoint(
            "POST",
            f"/api/alerts/events/{name}",
            handler,
            "alerts",
            scope="alerts:write",
            body=ManyEvents,
            response=EventList,
        )
        for name, handler in (
            ("acknowledge", acknowledge_alert_events),
            ("resolve", resolve_alert_events),
        )
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
