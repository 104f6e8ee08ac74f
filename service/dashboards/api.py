"""The endpoints of dashboards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from service.http.authentication import address_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted
from service.http.errors import ApiError, Detail
from service.http.paths import id_of
from service.http.responses import json_response
from service.runtime.resources import resources_of
from sql.errors import missing


async def list_dashboards(request: Request) -> Response:
    """Every dashboard, newest first."""
    tenant = principal_of(request).scope.tenant
    rows = await store.list_dashboards(resources_of(request).read_pool, tenant)
    data = [dashboard_out(row) for row in rows]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def get_dashboard(request: Request) -> Response:
    """One dashboard."""
    number, tenant = id_of(request, "dashboard"), principal_of(request).scope.tenant
    row = await store.find_dashboard(resources_of(request).pool, tenant, number)
    if row is None:
        raise missing("dashboard", number)
    return json_response({"success": True, "data": dashboard_out(row)})


async def create_dashboard(request: Request) -> Response:
    """Keep a dashboard; its config is checked whole."""
    body = await read_model(request, DashboardIn)
    values = body.model_dump(mode="json")
    pool, principal = resources_of(request).pool, principal_of(request)
    with refusals():
        row = await store.create_dashboard(pool, principal, values, address_of(request))
    return json_response({"success": True, "data": dashboard_out(row)}, 201)


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
    principal = principal_of(request)
    row = await store.delete_dashboard(pool, principal, number, address_of(request))
    if row is None:
        raise missing("dashboard", number)
    return json_response({"success": True, "data": {"id": number, "name": row["name"]}})


async def _change(request: Request, changes: Mapping[str, Any]) -> Response:
    number, pool = id_of(request, "dashboard"), resources_of(request).pool
    principal = principal_of(request)
    with refusals():
        row = await store.change_dashboard(
            pool, principal, number, lambda _: changes, address_of(request)
        )
    if row is None:
        raise missing("dashboard", number)
    return json_response({"success": True, "data": dashboard_out(row)})


@contextmanager
def refusals() -> Iterator[None]:
    """The domain's exceptions as answers."""
    try:
        yield
    except store.NameTaken as error:
        message = f"There is another dashboard named {error}"
        raise ApiError(409, message, [Detail(field="name", message=message)]) from error


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
