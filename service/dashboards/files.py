"""Dashboards as files: export and import."""

import json
import re
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from service.dashboards import store
from service.dashboards.pages import dashboard_of
from service.http.authentication import caller_of, principal_of
from service.http.errors import status_of
from service.runtime.resources import resources_of
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.errors import Conflict, Invalid, Problem
from sql.messages import Message

_EDITED = ("name", "description", "config")


async def export_dashboard(request: Request) -> Response:
    """The dashboard as the file that import takes: what POST /api/dashboards takes."""
    row = await dashboard_of(request)
    text = json.dumps({name: row[name] for name in _EDITED}, indent=2, ensure_ascii=False)
    name = re.sub(r"[^a-z0-9]+", "-", row["name"].lower()).strip("-") or "dashboard"
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return Response(f"{text}\n", headers=headers, media_type="application/json")


async def import_dashboard(request: Request) -> Response:
    """Keep the dashboard of a file; what is wrong with it is named by its place."""
    given = (await request.form()).get("file")
    try:
        values = await _document(given)
        row = await store.create_dashboard(resources_of(request).pool, caller_of(request), values)
    except (Invalid, Conflict) as error:
        tenant = principal_of(request).scope.tenant
        rows = await store.list_dashboards(resources_of(request).read_pool, tenant)
        context = {"rows": rows, "refused": error.problems}
        return render(request, "dashboards/list.html", context, status=status_of(error))
    said = reader_of(request).gettext("The dashboard was imported")
    return redirect(request, f"/dashboards/{row['dashboard_id']}", flash=said)


async def _document(given: object) -> Any:
    text = await given.read() if isinstance(given, UploadFile) else str(given or "").encode()
    if not text:
        raise Invalid(Problem(Message("Choose a file")))
    try:
        document = json.loads(text)
    except ValueError as error:
        message = Message("The file is no JSON: {problem}", {"problem": str(error)})
        raise Invalid(Problem(message)) from error
    if not isinstance(document, dict):
        raise Invalid(Problem(Message("The file holds no dashboard")))
    return document


PAGES = [
    Page("GET", "/dashboards/{id:int}/export", export_dashboard, scope="metrics:read"),
    Page("POST", "/dashboards/import", import_dashboard, scope="catalog:write"),
]
