"""Dashboards as files: export, import, and panels saved from the explorer."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import QueryParams, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from service.dashboards import store
from service.dashboards.editing import keep
from service.dashboards.layout import free_id, with_panel
from service.dashboards.pages import dashboard_of
from service.explore.exploration import read_exploration
from service.explore.pages import explorer_page
from service.http.authentication import address_of, principal_of
from service.http.errors import ApiError, Detail
from service.panels.config import ChartPanel, DashboardConfig
from service.runtime.resources import resources_of
from service.web.forms import Form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.errors import missing

_TOLD = ("name", "description", "config")


async def export_dashboard(request: Request) -> Response:
    """The dashboard as the file that import takes: what POST /api/dashboards takes."""
    row = await dashboard_of(request)
    text = json.dumps({name: row[name] for name in _TOLD}, indent=2, ensure_ascii=False)
    name = re.sub(r"[^a-z0-9]+", "-", row["name"].lower()).strip("-") or "dashboard"
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return Response(f"{text}\n", headers=headers, media_type="application/json")


async def import_dashboard(request: Request) -> Response:
    """Keep the dashboard of a file; what is wrong with it is named by its place."""
    given = (await request.form()).get("file")
    try:
        row = await keep(request, await _document(given))
    except ApiError as error:
        details = error.details or [Detail(message=error.message)]
        tenant = principal_of(request).scope.tenant
        rows = await store.list_dashboards(resources_of(request).read_pool, tenant)
        context = {"rows": rows, "refused": details}
        return render(request, "dashboards/list.html", context, status=error.status)
    said = reader_of(request).gettext("The dashboard was imported")
    return redirect(request, f"/dashboards/{row['dashboard_id']}", said=said)


async def save_as_panel(request: Request) -> Response:
    """What the explorer shows as a panel of a dashboard, or of a new one."""
    form = await request.form()
    pairs = [str(one).partition("=") for one in form.getlist("state")]
    given = QueryParams([(name, unquote(value)) for name, _, value in pairs])
    zone, now = resources_of(request).settings.zone, datetime.now(UTC)
    asked = read_exploration(given, "", now, zone)
    title = str(form.get("title") or asked.query.metric_name)[:200]
    panel = ChartPanel(
        id="panel", type=asked.look, title=title, queries=[asked.query], compare=asked.compare
    )
    values = {name: str(form.get(name) or "") for name in ("title", "dashboard", "name")}
    try:
        number = await _add(request, values["dashboard"], values["name"], panel)
    except ApiError as error:
        saving: Form[Any] = Form(values)
        saving.fail_all(error.details or [Detail(message=error.message)])
        return await explorer_page(request, given, saving, status=error.status)
    said = reader_of(request).gettext("The panel was added")
    return redirect(request, f"/dashboards/{number}", said=said)


async def _add(request: Request, number: str, name: str, panel: ChartPanel) -> int:
    """To that dashboard, or to a new one of that name; its id."""
    pool, principal = resources_of(request).pool, principal_of(request)
    if not number:
        empty = DashboardConfig(version=1, panels=[], layout=[])
        begun = with_panel(empty, panel).model_dump(mode="json")
        row = await keep(request, {"name": name or panel.title, "config": begun})
        return int(row["dashboard_id"])
    row = await _row(request, number)

    def edit(before: Mapping[str, Any]) -> Mapping[str, Any]:
        config = DashboardConfig.model_validate(before["config"])
        added = panel.model_copy(update={"id": free_id(config, panel.id)})
        return {"config": with_panel(config, added).model_dump(mode="json")}

    changed = await store.change_dashboard(
        pool, principal, row["dashboard_id"], edit, address_of(request)
    )
    if changed is None:
        raise missing("dashboard", row["dashboard_id"])
    return int(changed["dashboard_id"])


async def _row(request: Request, number: str) -> Any:
    tenant = principal_of(request).scope.tenant
    found = number.isascii() and number.isdecimal() and len(number) < 10
    row = found and await store.find_dashboard(resources_of(request).pool, tenant, int(number))
    if not row:
        raise ApiError(404, "There is no such dashboard")
    return row


async def _document(given: object) -> Any:
    text = await given.read() if isinstance(given, UploadFile) else str(given or "").encode()
    if not text:
        raise ApiError(422, "Choose a file")
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ApiError(422, f"The file is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ApiError(422, "The file holds no dashboard")
    return document


PAGES = [
    Page("GET", "/dashboards/{id:int}/export", export_dashboard, scope="metrics:read"),
    Page("POST", "/dashboards/import", import_dashboard, scope="catalog:write"),
    Page("POST", "/explore/panel", save_as_panel, scope="catalog:write", once="/dashboards"),
]
