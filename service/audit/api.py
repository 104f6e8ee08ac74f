"""``GET /api/audit``."""

from starlette.requests import Request
from starlette.responses import Response

from service.access.audit import list_entries
from service.audit.models import AuditPage, AuditParams, audit_out, cursor_behind
from service.http.authentication import principal_of
from service.http.endpoint import Endpoint
from service.http.envelopes import list_response
from service.http.parameters import read_params
from service.runtime.resources import resources_of


async def list_audit(request: Request) -> Response:
    """Who changed what, newest first."""
    params, _ = read_params(request, AuditParams)
    resources = resources_of(request)
    page = await list_entries(
        resources.read_pool,
        principal_of(request).scope.tenant,
        params.filters(resources.settings.zone),
        position=params.position(),
        limit=params.limit,
    )
    return list_response([audit_out(row) for row in page.rows], cursor_behind(page))


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/audit",
        list_audit,
        "access",
        scope="keys:admin",
        params=AuditParams,
        response=AuditPage,
    ),
]
