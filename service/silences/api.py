"""The endpoints of silences."""

from starlette.requests import Request
from starlette.responses import Response

from alerts import registry, silences
from service.alerts.access import author_of, reach_of
from service.alerts.models import SilenceAnswer, SilenceIn, SilenceList, silence_out
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted
from service.http.errors import ApiError, Detail, invalid
from service.http.paths import id_of
from service.http.responses import json_response
from service.runtime.resources import resources_of
from sql.errors import missing


async def list_alert_silences(request: Request) -> Response:
    """Silences past, current and coming, newest first."""
    rows = await silences.list_silences(resources_of(request).read_pool, reach_of(request))
    data = [silence_out(row) for row in rows]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def create_alert_silence(request: Request) -> Response:
    """Mute the notifications of matching rules for a period."""
    author, reach = author_of(request), reach_of(request)
    silence = await read_model(request, SilenceIn)
    if reach.only_service not in (None, silence.service_name):
        raise ApiError(403, f"This key silences service_name {reach.only_service} only")
    starts_at = silence.starts_at or author.now
    if silence.ends_at <= starts_at:
        raise invalid([Detail(field="ends_at", message="It is not after starts_at")])
    pool = resources_of(request).pool
    if silence.rule_id and await registry.find_rule(pool, reach, silence.rule_id) is None:
        message = f"There is no rule {silence.rule_id}"
        raise invalid([Detail(field="rule_id", message=message)])
    values = silence.model_dump() | {"starts_at": starts_at}
    row = await silences.add_silence(pool, reach, values, author)
    return json_response({"success": True, "data": silence_out(row)}, 201)


async def delete_alert_silence(request: Request) -> Response:
    """End a silence now."""
    pool, author = resources_of(request).pool, author_of(request)
    number = id_of(request, "silence")
    if not await silences.remove_silence(pool, reach_of(request), number, author):
        raise missing("silence", number)
    return json_response({"success": True, "data": {"id": number}})


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/alerts/silences",
        list_alert_silences,
        "alerts",
        scope="alerts:read",
        response=SilenceList,
    ),
    Endpoint(
        "POST",
        "/api/alerts/silences",
        create_alert_silence,
        "alerts",
        scope="alerts:write",
        body=SilenceIn,
        response=SilenceAnswer,
        status=201,
    ),
    Endpoint(
        "DELETE",
        "/api/alerts/silences/{id:int}",
        delete_alert_silence,
        "alerts",
        scope="alerts:write",
        response=Deleted,
    ),
]
