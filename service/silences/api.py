"""The endpoints of silences."""

from starlette.requests import Request
from starlette.responses import Response

from alerts import silences
from service.alerts.authors import author_of, scope_of
from service.alerts.models import SilenceAnswer, SilenceIn, SilenceList, silence_out
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted, item_response, list_response
from service.http.paths import id_of
from service.runtime.resources import resources_of


async def list_alert_silences(request: Request) -> Response:
    """Silences past, current and coming, newest first."""
    rows = await silences.list_silences(resources_of(request).read_pool, scope_of(request))
    return list_response([silence_out(row) for row in rows])


async def create_alert_silence(request: Request) -> Response:
    """Mute the notifications of matching rules for a period."""
    author, silence = author_of(request), await read_model(request, SilenceIn)
    schedule = silence.schedule and silence.schedule.stored
    given = {"starts_at": silence.starts_at or author.now, "schedule": schedule}
    values = silence.model_dump() | given
    pool = resources_of(request).pool
    row = await silences.add_silence(pool, scope_of(request), values, author)
    return item_response(silence_out(row), 201)


async def delete_alert_silence(request: Request) -> Response:
    """End a silence now."""
    number = id_of(request, "silence")
    pool, author = resources_of(request).pool, author_of(request)
    await silences.remove_silence(pool, scope_of(request), number, author)
    return item_response({"id": number})


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
