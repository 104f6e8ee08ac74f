"""Editing one panel, with a picture of it as it will be."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from service.dashboards.board import Shown, View, choices_of, read_panels
from service.dashboards.budget import rows_of_tables
from service.dashboards.editing import change
from service.dashboards.layout import free_id, with_panel
from service.dashboards.pages import dashboard_of, drawn
from service.http.authentication import principal_of
from service.http.validation import problems_of
from service.language.names import title_of
from service.panels.config import DashboardConfig, Panel
from service.panels.pictures import MAX_LINES, name_of, table_of
from service.runtime.resources import resources_of
from service.web import choices
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from service.web.words import STATUSES
from sql.errors import Conflict, Invalid, NotFound, Problem
from sql.messages import Message
from sql.vocabulary import GROUPABLE

_PANEL: TypeAdapter[Panel] = TypeAdapter(Panel)
_NEW: dict[str, Any] = {"id": "", "type": "line", "title": "", "queries": [{}]}
_QUERY = re.compile(r"query_(\d)_(.+)")
_CHARTS = ("line", "bar", "stat")


async def new_panel(request: Request) -> Response:
    """A form for another panel."""
    return await _editor(request, _NEW)


async def edit_panel(request: Request) -> Response:
    """A form with a panel."""
    row, wanted = await dashboard_of(request), request.path_params["panel"]
    for panel in row["config"]["panels"]:
        if panel["id"] == wanted:
            # With what the file left to its usual value.
            return await _editor(request, _PANEL.validate_python(panel).model_dump(mode="json"))
    raise NotFound(Message("That panel is gone"))


async def save_panel(request: Request) -> Response:
    """Keep the panel; or only show it (again) with what was filled in."""
    form = await request.form()
    values, action = _values(form), form.get("action")
    if action == "query":
        values.setdefault("queries", []).append({})
    if action in ("preview", "query") or "hx-request" in request.headers:
        return await _editor(request, values)

    def edit(before: Mapping[str, Any]) -> Mapping[str, Any]:
        config = DashboardConfig.model_validate(before["config"])
        values["id"] = values["id"] or free_id(config, _slug(values["title"]))
        panel = _PANEL.validate_python(values)
        return {"config": with_panel(config, panel).model_dump(mode="json")}

    try:
        row = await change(request, edit)
    except ValidationError as error:
        return await _editor(request, values, problems_of(error), status=422)
    except (Invalid, Conflict) as error:
        problems = error.problems or [Problem(error.message)]
        return await _editor(request, values, problems, status=422)
    said = reader_of(request).gettext("The panel was saved")
    return redirect(
        request, f"/dashboards/{row['dashboard_id']}/edit#panel-{values['id']}", flash=said
    )


async def _editor(
    request: Request,
    values: Mapping[str, Any],
    problems: Sequence[Problem] = (),
    status: int = 200,
) -> Response:
    resources, scope = resources_of(request), principal_of(request).scope
    row = await dashboard_of(request)
    config = DashboardConfig.model_validate(row["config"])
    catalogue = await resources.catalog.listed(scope)
    dimensions = {name for entry in catalogue for name in entry["dimensions"]}
    names = (*GROUPABLE, *sorted(dimensions))
    metrics = [q["metric_name"] for q in values.get("queries", ()) if q.get("metric_name")]
    shown = await _preview(request, config, values)
    return render(
        request,
        "dashboards/panel_edit.html",
        {
            "row": row,
            "panel": values,
            "problems": problems,
            "shown": shown,
            "charts": drawn(reader_of(request), shown, linked=False) if shown else [],
            "catalogue": catalogue,
            "names": names,
            "values": await resources.labels.values(scope, metrics, names),
            "variables": config.variables,
            "choices": choices,
            "alert_statuses": STATUSES,
            "title_of": title_of,
            "name_of": name_of,
            "table_of": table_of,
            "linked": False,
            "limits": {
                "lines": MAX_LINES,
                "rows": rows_of_tables(shown.figures if shown else ()),
            },
        },
        status=status,
    )


async def _preview(
    request: Request, config: DashboardConfig, values: Mapping[str, Any]
) -> Shown | None:
    """The panel as it would be; None before it is one."""
    scope, now = principal_of(request).scope, datetime.now(UTC)
    try:
        panel = _PANEL.validate_python({**values, "id": values["id"] or "new", "title": "–"})
    except ValidationError:
        return None
    view = View(scope, choices_of(config, {}), config.time_range)
    (shown,) = await read_panels(resources_of(request), [panel], view, now)
    return shown


def _values(form: FormData) -> dict[str, Any]:
    """The panel that was filled in, as its JSON has it."""
    kind = str(form.get("type") or "line")
    values: dict[str, Any] = {
        "id": str(form.get("id") or ""),
        "type": kind,
        "title": str(form.get("title") or "").strip(),
    }
    if kind == "alerts":
        limit = str(form.get("limit") or "10")
        values["limit"] = int(limit) if limit.isdecimal() and len(limit) < 6 else limit
        return values | ({"status": form["status"]} if form.get("status") else {})
    if kind in _CHARTS:
        values["compare"] = form.get("compare") or "none"
    if kind in ("line", "bar"):
        values["band"] = form.get("band") == "yes"
    return values | {"queries": _queries(form)}


def _queries(form: FormData) -> list[dict[str, Any]]:
    queries: dict[int, dict[str, Any]] = {}
    for name, value in form.multi_items():
        match = _QUERY.fullmatch(name)
        text = str(value).strip()
        if match and text:
            _fill(queries.setdefault(int(match[1]), {}), match[2], text)
    return [queries[number] for number in sorted(queries) if queries[number].get("metric_name")]


def _fill(query: dict[str, Any], part: str, text: str) -> None:
    if part == "group_by":
        query.setdefault("group_by", []).append(text)
    elif part.startswith("filter_"):
        query.setdefault("filters", {})[part.removeprefix("filter_")] = text
    else:
        query[part] = text


def _slug(title: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:36]
    return slug if slug[:1].isalpha() else f"panel-{slug}".rstrip("-")


_PANELS = "/dashboards/{id:int}/panels"

PAGES = [
    Page("GET", f"{_PANELS}/new", new_panel, scope="catalog:write"),
    Page("GET", f"{_PANELS}/edit/{{panel}}", edit_panel, scope="catalog:write"),
    Page("POST", f"{_PANELS}/save", save_panel, scope="catalog:write"),
]
