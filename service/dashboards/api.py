"""The endpoints of dashboards."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.dashboards import store
from service.dashboards.models import (
    DashboardAnswer,
    DashboardIn,
    DashboardList,
    DashboardPatch,
    dashboard_out,
)
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted, item_response, list_response
from service.http.paths import id_of
from service.runtime.resources import resources_of


async def list_dashboards(request: Request) -> Response:
    """Every dashboard, newest first."""
    tenant = principal_of(request).scope.tenant
    rows = await store.list_dashboards(resources_of(request).read_pool, tenant)
    return list_response([dashboard_out(row) for row in rows])


async def get_dashboard(request: Request) -> Response:
    """One dashboard."""
    number, tenant = id_of(request, "dashboard"), principal_of(request).scope.tenant
    row = await store.find_dashboard(resources_of(request).pool, tenant, number)
    return item_response(dashboard_out(row))


async def create_dashboard(request: Request) -> Response:
    """Keep a dashboard; its config is checked whole."""
    body = await read_model(request, DashboardIn)
    pool, values = resources_of(request).pool, body.model_dump(mode="json")
    row = await store.create_dashboard(pool, caller_of(request), values)
    return item_response(dashboard_out(row), 201)


async def replace_dashboard(request: Request) -> Response:
    """Replace a dashboard whole."""
    body = await read_model(request, DashboardIn)
    return await _change(request, body.model_dump(mode="json"))


async def patch_dashboard(request: Request) -> Response:
    """Change name, description or the whole config of a dashboard."""
    body = await read_model(request, DashboardPatch)
    given = {
        name: value for name, value in body.model_dump(mode="json").items() if value is not None
    }
    return await _change(request, given)


async def delete_dashboard(request: Request) -> Response:
    """Remove a dashboard; links that share it end."""
    number, pool = id_of(request, "dashboard"), resources_of(request).pool
    row = await store.delete_dashboard(pool, caller_of(request), number)
    return item_response({"id": number, "name": row["name"]})


async def _change(request: Request, changes: Mapping[str, Any]) -> Response:
    number, pool = id_of(request, "dashboard"), resources_of(request).pool
    row = await store.change_dashboard(pool, caller_of(request), number, lambda _: changes)
    return item_response(dashboard_out(row))


_ALL = "/api/dashboards"
_ONE = "/api/dashboards/{id:int}"

ENDPOINTS = [
    Endpoint(
        "GET", _ALL, list_dashboards, "dashboards", scope="metrics:read", response=DashboardList
    ),
    Endpoint(
        "POST",
        _ALL,
        create_dashboard,
        "dashboards",
        scope="catalog:write",
        body=DashboardIn,
        response=DashboardAnswer,
        status=201,
    ),
    Endpoint(
        "GET", _ONE, get_dashboard, "dashboards", scope="metrics:read", response=DashboardAnswer
    ),
    Endpoint(
        "PUT",
        _ONE,
        replace_dashboard,
        "dashboards",
        scope="catalog:write",
        body=DashboardIn,
        response=DashboardAnswer,
    ),
    Endpoint(
        "PATCH",
        _ONE,
        patch_dashboard,
        "dashboards",
        scope="catalog:write",
        body=DashboardPatch,
        response=DashboardAnswer,
    ),
    Endpoint(
        "DELETE", _ONE, delete_dashboard, "dashboards", scope="catalog:write", response=Deleted
    ),
]
