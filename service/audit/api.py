"""``GET /api/audit``."""

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.access.audit import list_entries
from service.http.authentication import principal_of
from service.http.endpoint import Endpoint
from service.http.errors import Detail, invalid
from service.http.parameters import read_params
from service.http.responses import json_response
from service.keys.models import AuditPage, AuditParams, audit_out
from service.runtime.resources import resources_of


async def list_audit(request: Request) -> Response:
    """Who changed what, newest first."""
    params, _ = read_params(request, AuditParams)
    page, next_cursor = await read_entries(request, params)
    data = [audit_out(row) for row in page]
    return json_response(
        {"success": True, "data": data, "count": len(data), "next_cursor": next_cursor}
    )


async def read_entries(request: Request, params: AuditParams) -> tuple[list[DictRow], str | None]:
    """A page of the tenant's entries and the cursor of the next one.

    Raises:
        ApiError: the range or the cursor is none.
    """
    resources = resources_of(request)
    zone = resources.settings.zone
    params.check(zone)
    filters = {
        "actor": params.actor,
        "action": params.action,
        "target": params.target,
        "since": params.since(zone) or "-infinity",
        "before": params.before(zone) or "infinity",
    }
    tenant = principal_of(request).scope.tenant
    rows = await list_entries(
        resources.read_pool, tenant, filters, _position(params.cursor), params.limit
    )
    page = rows[: params.limit]
    next_cursor = str(page[-1]["audit_id"]) if len(rows) > len(page) else None
    return page, next_cursor


def _position(cursor: str | None) -> int | None:
    """The id that the page before ended with."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal()) or not 0 < int(cursor[:20]) < 2**63:
        raise invalid([Detail(field="cursor", message="Not a cursor from here")])
    return int(cursor)


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
