"""The endpoints of API keys."""

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.access import keys
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response, list_response
from service.http.paths import id_of
from service.keys.models import KeyAnswer, KeyIn, KeyList, NewKeyAnswer, key_out
from service.runtime.resources import resources_of

_NO_STORE = {"Cache-Control": "no-store"}


async def list_keys(request: Request) -> Response:
    """Every key of the tenant, newest first; the keys themselves are never shown again."""
    tenant = principal_of(request).scope.tenant
    rows = await keys.list_keys(resources_of(request).pool, tenant)
    return list_response([key_out(row) for row in rows])


async def issue_key(request: Request) -> Response:
    """Issue a key. `key` is shown this once."""
    body = await read_model(request, KeyIn)
    row, key = await resources_of(request).keys.issue(caller_of(request), body.spec())
    return _shown_once(row, key, 201)


async def revoke_key(request: Request) -> Response:
    """Refuse a key from now on; on every replica within 5 seconds."""
    number = id_of(request, "key")
    return item_response(
        key_out(await resources_of(request).keys.revoke(caller_of(request), number))
    )


async def rotate_key(request: Request) -> Response:
    """Give a key another secret, shown this once; the one before is refused from now on."""
    number = id_of(request, "key")
    row, key = await resources_of(request).keys.rotate(caller_of(request), number)
    return _shown_once(row, key, 200)


def _shown_once(row: DictRow, key: str, status: int) -> Response:
    return item_response(key_out(row) | {"key": key}, status, _NO_STORE)


ENDPOINTS = [
    Endpoint("GET", "/api/keys", list_keys, "access", scope="keys:admin", response=KeyList),
    Endpoint(
        "POST",
        "/api/keys",
        issue_key,
        "access",
        scope="keys:admin",
        body=KeyIn,
        response=NewKeyAnswer,
        status=201,
    ),
    Endpoint(
        "DELETE",
        "/api/keys/{id:int}",
        revoke_key,
        "access",
        scope="keys:admin",
        response=KeyAnswer,
    ),
    Endpoint(
        "POST",
        "/api/keys/{id:int}/rotate",
        rotate_key,
        "access",
        scope="keys:admin",
        response=NewKeyAnswer,
    ),
]
