"""The endpoints of tenants, for admins of the tenant default."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.access import tenants
from service.access.caller import Principal
from service.http.authentication import address_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.errors import ApiError, Detail
from service.http.responses import json_response
from service.keys.models import TenantAnswer, TenantIn, TenantList, TenantPatch, tenant_out
from service.runtime.resources import resources_of
from sql.errors import missing


async def list_tenants(request: Request) -> Response:
    """Every tenant, newest first."""
    _admin_of_default(request)
    data = [tenant_out(row) for row in await tenants.list_tenants(resources_of(request).pool)]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def create_tenant(request: Request) -> Response:
    """Make a tenant; its first key is issued with `tenant` by an admin of the default."""
    _admin_of_default(request)
    row = await add_tenant(request, await read_model(request, TenantIn))
    return json_response({"success": True, "data": tenant_out(row)}, 201)


async def patch_tenant(request: Request) -> Response:
    """Describe a tenant, or lock it out and let it in again with `is_active`."""
    _admin_of_default(request)
    row = await alter_tenant(request, await read_model(request, TenantPatch))
    return json_response({"success": True, "data": tenant_out(row)})


async def delete_tenant(request: Request) -> Response:
    """Remove a tenant that has no data, and its keys."""
    return json_response({"success": True, "data": tenant_out(await remove_tenant(request))})


async def add_tenant(request: Request, wanted: TenantIn) -> DictRow:
    """The new tenant's row.

    Raises:
        ApiError: not the caller's to do, or the name is taken.
    """
    principal, resources = _admin_of_default(request), resources_of(request)
    try:
        row = await tenants.create_tenant(
            resources.pool, principal, wanted.model_dump(), address_of(request)
        )
    except tenants.TenantTaken as error:
        message = f"There is a tenant {error} already"
        raise ApiError(409, message, [Detail(field="tenant", message=message)]) from error
    await resources.series.reload_promoted()
    return row


async def alter_tenant(request: Request, changes: TenantPatch) -> DictRow:
    """The row, afterwards, of the tenant in the path.

    Raises:
        ApiError: not the caller's to do, there is none, or it must stay as it is.
    """
    principal, name, resources = (
        _admin_of_default(request),
        _name_in_path(request),
        resources_of(request),
    )
    with _refusals():
        row = await tenants.change_tenant(
            resources.pool, principal, name, changes.model_dump(), address_of(request)
        )
    if row is None:
        raise missing("tenant", name)
    await resources.keys.reload()
    return row


async def remove_tenant(request: Request) -> DictRow:
    """The row of the tenant in the path, which is gone.

    Raises:
        ApiError: not the caller's to do, there is none, or it has data.
    """
    principal, name, resources = (
        _admin_of_default(request),
        _name_in_path(request),
        resources_of(request),
    )
    with _refusals():
        row = await tenants.remove_tenant(resources.pool, principal, name, address_of(request))
    if row is None:
        raise missing("tenant", name)
    await resources.keys.reload()
    return row


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except tenants.TenantInUse as error:
        raise ApiError(409, str(error)) from error


def _admin_of_default(request: Request) -> Principal:
    principal = principal_of(request)
    if principal.scope.tenant != tenants.DEFAULT_TENANT:
        raise ApiError(403, "Only admins of the tenant default manage tenants")
    return principal


def _name_in_path(request: Request) -> str:
    name: str = request.path_params["tenant"]
    if "\0" in name:
        raise missing("tenant", name)
    return name


_ONE = "/api/tenants/{tenant}"

ENDPOINTS = [
    Endpoint(
        "GET", "/api/tenants", list_tenants, "access", scope="keys:admin", response=TenantList
    ),
    Endpoint(
        "POST",
        "/api/tenants",
        create_tenant,
        "access",
        scope="keys:admin",
        body=TenantIn,
        response=TenantAnswer,
        status=201,
    ),
    Endpoint(
        "PATCH",
        _ONE,
        patch_tenant,
        "access",
        scope="keys:admin",
        body=TenantPatch,
        response=TenantAnswer,
    ),
    Endpoint("DELETE", _ONE, delete_tenant, "access", scope="keys:admin", response=TenantAnswer),
]
