"""The endpoints of API keys."""

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.access import keys
from service.access.tenants import DEFAULT_TENANT
from service.http.authentication import address_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.errors import ApiError, Detail, invalid
from service.http.paths import id_of
from service.http.responses import json_response
from service.keys.models import KeyAnswer, KeyIn, KeyList, NewKeyAnswer, key_out
from service.runtime.resources import resources_of
from sql.errors import missing

_NO_STORE = {"Cache-Control": "no-store"}


async def list_keys(request: Request) -> Response:
    """Every key of the tenant, newest first; the keys themselves are never shown again."""
    tenant = principal_of(request).scope.tenant
    data = [key_out(row) for row in await keys.list_keys(resources_of(request).pool, tenant)]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def issue_key(request: Request) -> Response:
    """Issue a key. `key` is shown this once."""
    body = await read_model(request, KeyIn)
    try:
        row, key = await issue(request, body)
    except keys.NoSuchTenant as error:
        message = f"There is no tenant {error}"
        raise invalid([Detail(field="tenant", message=message)]) from error
    return _shown_once(row, key, 201)


async def revoke_key(request: Request) -> Response:
    """Refuse a key from now on; on every replica within 5 seconds."""
    row = await revoke(request, id_of(request, "key"))
    return json_response({"success": True, "data": key_out(row)})


async def rotate_key(request: Request) -> Response:
    """Give a key another secret, shown this once; the one before is refused from now on."""
    row, key = await rotate(request, id_of(request, "key"))
    return _shown_once(row, key, 200)


async def issue(request: Request, body: KeyIn) -> tuple[DictRow, str]:
    """The new key's row, and the key itself, which works at once.

    Raises:
        ApiError: it is for a tenant that the caller may not issue keys of.
        NoSuchTenant: see there.
    """
    resources, principal = resources_of(request), principal_of(request)
    tenant = body.tenant or principal.scope.tenant
    if tenant != principal.scope.tenant and principal.scope.tenant != DEFAULT_TENANT:
        raise ApiError(403, "Only admins of the tenant default issue keys of another tenant")
    values = body.model_dump() | {"tenant": tenant}
    issued = await keys.issue_key(
        resources.pool, resources.key_hasher, principal, values, address_of(request)
    )
    await resources.keys.reload()
    return issued


async def revoke(request: Request, number: int) -> DictRow:
    """The key's row; it is refused from now on.

    Raises:
        ApiError: the caller's tenant has no such key.
    """
    resources = resources_of(request)
    row = await keys.revoke_key(resources.pool, principal_of(request), number, address_of(request))
    if row is None:
        raise missing("key", number)
    await resources.keys.reload()
    return row


async def rotate(request: Request, number: int) -> tuple[DictRow, str]:
    """The key's row and its new secret; the one before is refused from now on.

    Raises:
        ApiError: the caller's tenant has no such key, or it has ended.
    """
    resources, principal = resources_of(request), principal_of(request)
    try:
        rotated = await keys.rotate_key(
            resources.pool, resources.key_hasher, principal, number, address_of(request)
        )
    except keys.KeyEnded as error:
        raise ApiError(409, "The key is revoked or expired; issue another") from error
    if rotated is None:
        raise missing("key", number)
    await resources.keys.reload()
    return rotated


def _shown_once(row: DictRow, key: str, status: int) -> Response:
    return json_response({"success": True, "data": key_out(row) | {"key": key}}, status, _NO_STORE)


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
