"""Editing a dashboard in its page: what it is called, its variables, where panels stand."""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from starlette.requests import Request
from starlette.responses import Response

from service.dashboards import layout, store
from service.dashboards.pages import board, dashboard_of
from service.http.authentication import caller_of, principal_of
from service.http.paths import id_of
from service.http.validation import problems_of
from service.language.translations import N_
from service.panels.config import DashboardConfig, Place
from service.runtime.resources import resources_of
from service.web.confirmation import confirmed
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.errors import DomainError, Invalid, NotFound, Problem
from sql.messages import Message

_VARIABLES = 6
_EMPTY: dict[str, Any] = {"panels": [], "layout": []}


class NewForm(BaseModel):
    """A dashboard to begin with."""

    model_config = ConfigDict(extra="forbid")

    name: str


class PanelForm(BaseModel):
    """A step or a new place for a panel."""

    model_config = ConfigDict(extra="forbid")

    panel: str
    step: layout.Step | None = None
    x: int | None = None
    y: int | None = None
    w: int | None = None
    h: int | None = None


_PLAIN = ("name", "description", "last", "start_date", "end_date", "refresh")
_OF_VARIABLE = ("name", "label", "field", "default")
_names = [
    *_PLAIN,
    *(f"variable_{number}_{part}" for number in range(_VARIABLES) for part in _OF_VARIABLE),
]
SettingsForm = create_model(
    "SettingsForm",
    __config__=ConfigDict(extra="forbid"),
    **dict.fromkeys(_names, (str, "")),  # type: ignore[call-overload]
)


async def create_dashboard(request: Request) -> Response:
    """Begin an empty one, and edit it."""
    form = await read_form(request, NewForm)
    if not form.is_valid:
        raise Invalid(Problem(Message("Give the dashboard a name")))
    pool, values = resources_of(request).pool, {"name": form.data.name, "config": _EMPTY}
    row = await store.create_dashboard(pool, caller_of(request), values)
    return redirect(request, f"/dashboards/{row['dashboard_id']}/edit")


async def copy_dashboard(request: Request) -> Response:
    """Make another one like it."""
    row = await dashboard_of(request)
    name = await _free_name(request, row["name"])
    values = {"name": name, "description": row["description"], "config": row["config"]}
    made = await store.create_dashboard(resources_of(request).pool, caller_of(request), values)
    said = reader_of(request).gettext("The dashboard was copied")
    return redirect(request, f"/dashboards/{made['dashboard_id']}/edit", flash=said)


async def delete_dashboard(request: Request) -> Response:
    """Remove it, and the links to it."""
    number, pool = id_of(request, "dashboard"), resources_of(request).pool
    await store.delete_dashboard(pool, caller_of(request), number)
    said = reader_of(request).gettext("The dashboard is deleted")
    return redirect(request, "/dashboards", flash=said)


async def edit_dashboard(request: Request) -> Response:
    """The dashboard with handles on everything."""
    return await _shown(request)


async def save_settings(request: Request) -> Response:
    """Change name, description, range, refresh and variables."""
    row = await dashboard_of(request)
    form: Form[BaseModel] = await read_form(request, SettingsForm)
    form.values = {name: form.values.get(name) or "" for name in _names}
    if form.is_valid:
        try:
            await change(request, lambda before: _changes(before, form.values))
            said = reader_of(request).gettext("Saved")
            return redirect(request, f"/dashboards/{row['dashboard_id']}/edit", flash=said)
        except DomainError as error:
            _fail(form, error)
    return await _editor(request, row, form, status=422)


async def move_panel(request: Request) -> Response:
    """Move or resize a panel, by a step or to a place."""
    form = await _panel_form(request)
    # Where one step is taken, the next one often follows: the menu stays open.
    stepped = form.panel if form.step else ""
    return await _kept(request, form, lambda config: _moved(config, form), stepped=stepped)


async def copy_panel(request: Request) -> Response:
    """Add a panel like it."""
    form = await _panel_form(request)
    return await _kept(request, form, lambda config: layout.with_copy(config, form.panel))


async def remove_panel(request: Request) -> Response:
    """Take a panel away."""
    form = await _panel_form(request)
    return await _kept(
        request, form, lambda config: layout.without_panel(config, form.panel), gone=True
    )


async def change(request: Request, edit: store.Edit) -> DictRow:
    """The dashboard of the path as `edit` changes it.

    Raises:
        NotFound, Invalid, Conflict: as `store.change_dashboard`.
    """
    number, pool = id_of(request, "dashboard"), resources_of(request).pool
    return await store.change_dashboard(pool, caller_of(request), number, edit)


def _moved(config: DashboardConfig, form: PanelForm) -> DashboardConfig:
    if form.step:
        return layout.stepped(config, form.panel, form.step)
    given = {"panel": form.panel, "x": form.x, "y": form.y, "w": form.w, "h": form.h}
    try:
        return layout.placed(config, Place.model_validate(given))
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error


async def _panel_form(request: Request) -> PanelForm:
    form = await read_form(request, PanelForm)
    if not form.is_valid:
        raise Invalid(Problem(Message("That cannot be done with a panel")))
    return form.data


async def _kept(
    request: Request,
    form: PanelForm,
    edit: Callable[[DashboardConfig], DashboardConfig],
    *,
    stepped: str = "",
    gone: bool = False,
) -> Response:
    def edited(before: Mapping[str, Any]) -> Mapping[str, Any]:
        config = DashboardConfig.model_validate(before["config"])
        if form.panel not in {panel.id for panel in config.panels}:
            raise NotFound(Message("That panel is gone"))
        return {"config": edit(config).model_dump(mode="json")}

    row = await change(request, edited)
    place = "" if gone else f"#panel-{form.panel}"
    if "hx-request" in request.headers:
        return await _shown(request, stepped)
    return redirect(request, f"/dashboards/{row['dashboard_id']}/edit{place}")


async def _shown(request: Request, stepped: str = "") -> Response:
    row = await dashboard_of(request)
    return await _editor(request, row, Form(_settings_of(row)), stepped=stepped)


async def _editor(
    request: Request, row: DictRow, form: Form[Any], status: int = 200, *, stepped: str = ""
) -> Response:
    """`stepped` is the panel whose menu is open."""
    scope = principal_of(request).scope
    shown = await board(request, row, scope, alerts=True, linked=False, single=False)
    used = [number for number in range(_VARIABLES) if form.values[f"variable_{number}_name"]]
    rows = min(max(used, default=-1) + 3, _VARIABLES)
    context = shown | {"form": form, "variable_count": rows, "stepped": stepped}
    return render(request, "dashboards/edit.html", context, status=status)


def _settings_of(row: DictRow) -> dict[str, Any]:
    config = DashboardConfig.model_validate(row["config"])
    values = dict.fromkeys(_names, "") | {
        "name": row["name"],
        "description": row["description"],
        "last": config.time_range.last or "",
        "start_date": config.time_range.start_date or "",
        "end_date": config.time_range.end_date or "",
        "refresh": config.refresh or "",
    }
    for number, variable in enumerate(config.variables):
        for part in _OF_VARIABLE:
            values[f"variable_{number}_{part}"] = getattr(variable, part) or ""
    return values


def _changes(before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dashboard that the settings set. Variables beyond those of the form stay."""
    if values["last"]:
        chosen = {"last": values["last"]}
    else:
        chosen = {"start_date": values["start_date"], "end_date": values["end_date"]}
    variables = [_variable(values, number) for number in range(_VARIABLES)]
    kept = [one for one in variables if one["name"]] + before["config"]["variables"][_VARIABLES:]
    config = before["config"] | {
        "time_range": chosen,
        "refresh": values["refresh"] or None,
        "variables": kept,
    }
    return {"name": values["name"], "description": values["description"], "config": config}


def _variable(values: Mapping[str, Any], number: int) -> dict[str, Any]:
    given = {part: values[f"variable_{number}_{part}"] or None for part in _OF_VARIABLE}
    return given | {"label": given["label"] or given["name"]}


def _fail(form: Form[Any], error: DomainError) -> None:
    for problem in error.problems or [Problem(error.message)]:
        place = (problem.field or "").split(".")
        said = Message("{field}: {problem}", {"field": ".".join(place), "problem": problem.message})
        form.fail(place[0] if place[0] in _PLAIN else "", said)


async def _free_name(request: Request, name: str) -> str:
    tenant = principal_of(request).scope.tenant
    rows = await store.list_dashboards(resources_of(request).read_pool, tenant)
    taken = {row["name"] for row in rows}
    names = (f"{name[:190]} ({number})" for number in range(2, len(taken) + 3))
    return next(one for one in names if one not in taken)


_ONE = "/dashboards/{id:int}"

_delete = confirmed(N_("Delete this dashboard for everybody?"), N_("Delete"), delete_dashboard)
_remove = confirmed(N_("Remove this panel?"), N_("Remove"), remove_panel)

PAGES = [
    Page("POST", "/dashboards", create_dashboard, scope="catalog:write", idempotent="/dashboards"),
    Page("GET", f"{_ONE}/edit", edit_dashboard, scope="catalog:write"),
    Page("POST", f"{_ONE}/edit", save_settings, scope="catalog:write"),
    Page("POST", f"{_ONE}/copy", copy_dashboard, scope="catalog:write", idempotent="/dashboards"),
    Page("POST", f"{_ONE}/delete", _delete, scope="catalog:write"),
    Page("POST", f"{_ONE}/panels/move", move_panel, scope="catalog:write"),
    Page("POST", f"{_ONE}/panels/copy", copy_panel, scope="catalog:write"),
    Page("POST", f"{_ONE}/panels/remove", _remove, scope="catalog:write"),
]
