"""The endpoints of tenants, for admins of the tenant default."""

from starlette.requests import Request
from starlette.responses import Response

from service.access import tenants
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response, list_response
from service.runtime.resources import resources_of
from service.tenants.models import TenantAnswer, TenantIn, TenantList, TenantPatch, tenant_out


async def list_tenants(request: Request) -> Response:
    """Every tenant, newest first."""
    rows = await tenants.list_tenants(resources_of(request).pool, principal_of(request))
    return list_response([tenant_out(row) for row in rows])


async def create_tenant(request: Request) -> Response:
    """Make a tenant; its first key is issued with `tenant` by an admin of the default."""
    body = await read_model(request, TenantIn)
    made = resources_of(request).tenants.create(caller_of(request), body.tenant, body.description)
    return item_response(tenant_out(await made), 201)


async def patch_tenant(request: Request) -> Response:
    """Describe a tenant, or lock it out and let it in again with `is_active`."""
    name, body = request.path_params["tenant"], await read_model(request, TenantPatch)
    row = await resources_of(request).tenants.change(caller_of(request), name, body.model_dump())
    return item_response(tenant_out(row))


async def delete_tenant(request: Request) -> Response:
    """Remove a tenant that has no data, and its keys."""
    name = request.path_params["tenant"]
    row = await resources_of(request).tenants.remove(caller_of(request), name)
    return item_response(tenant_out(row))


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
