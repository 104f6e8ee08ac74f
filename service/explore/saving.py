"""Explorations saved as panels of a dashboard."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from psycopg.rows import DictRow
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from service.dashboards import store
from service.dashboards.layout import with_panel
from service.explore.exploration import read_exploration
from service.explore.pages import explorer_page
from service.http.authentication import caller_of
from service.http.errors import status_of
from service.panels.config import ChartPanel, DashboardConfig
from service.runtime.resources import resources_of
from service.web.forms import Form
from service.web.page import Page
from service.web.rendering import redirect
from service.web.session import reader_of
from sql.errors import DomainError, NotFound, Problem
from sql.messages import Message


async def save_as_panel(request: Request) -> Response:
    """Add what the explorer shows to a dashboard, or begin one with it."""
    form = await request.form()
    pairs = [str(one).partition("=") for one in form.getlist("state")]
    given = QueryParams([(name, unquote(value)) for name, _, value in pairs])
    zone, now = resources_of(request).settings.zone, datetime.now(UTC)
    asked = read_exploration(given, "", now, zone)
    title = str(form.get("title") or asked.query.metric_name)[:200]
    panel = ChartPanel(
        id="panel",
        type=asked.look,
        title=title,
        queries=[asked.query],
        compare=asked.compare,
        # As the explorer shows it.
        band=not asked.query.group_by,
    )
    values = {name: str(form.get(name) or "") for name in ("title", "dashboard", "name")}
    try:
        row = await _add(request, values["dashboard"], values["name"], panel)
    except DomainError as error:
        saving: Form[Any] = Form(values)
        saving.fail_all(error.problems or [Problem(error.message)])
        return await explorer_page(request, given, saving, status=status_of(error))
    said = reader_of(request).gettext("The panel was added")
    return redirect(request, f"/dashboards/{row['dashboard_id']}", flash=said)


async def _add(request: Request, number: str, name: str, panel: ChartPanel) -> DictRow:
    """The dashboard of that number with the panel, or a new one of that name."""
    pool, caller = resources_of(request).pool, caller_of(request)
    if number:
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            raise NotFound(Message("There is no such dashboard"))
        return await store.add_panel(pool, caller, int(number), panel)
    empty = DashboardConfig(version=1, panels=[], layout=[])
    begun = with_panel(empty, panel).model_dump(mode="json")
    return await store.create_dashboard(
        pool, caller, {"name": name or panel.title, "config": begun}
    )


PAGES = [
    Page("POST", "/explore/panel", save_as_panel, scope="catalog:write", idempotent="/dashboards"),
]
