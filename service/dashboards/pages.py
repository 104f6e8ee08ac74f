"""Dashboards: the list, and one as it is looked at."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from psycopg.rows import DictRow
from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from service.dashboards import store
from service.dashboards.board import (
    Shown,
    View,
    choices_of,
    options_of,
    read_board,
    read_panels,
)
from service.dashboards.budget import rows_of_tables
from service.dashboards.television import rotating, television_of
from service.drawing.answer import kind_of, picture_response
from service.http.authentication import principal_of
from service.http.paths import id_of
from service.http.validation import problems_of
from service.language.names import title_of
from service.language.reader import Reader
from service.metrics.query.beside import beside
from service.panels.config import DashboardConfig, Place, TimeRange
from service.panels.pictures import (
    MAX_LINES,
    charts_of,
    marks_of,
    name_of,
    notes_of,
    table_of,
    words_of,
)
from service.runtime.resources import resources_of
from service.web import choices
from service.web.charts import Chart
from service.web.page import Page
from service.web.rendering import render, render_text
from service.web.session import reader_of
from service.web.words import STATUSES
from sql.errors import Invalid, NotFound, Problem
from sql.messages import Message
from sql.scope import Scope

SECONDS = {"30s": 30, "1m": 60, "5m": 300, "15m": 900, "1h": 3600}
_VARIABLE = "var."
_PANEL = "panel"


async def show_dashboards(request: Request) -> Response:
    """Every dashboard of the tenant."""
    tenant = principal_of(request).scope.tenant
    rows = await store.list_dashboards(resources_of(request).read_pool, tenant)
    rows.sort(key=lambda row: row["name"].casefold())
    return render(request, "dashboards/list.html", {"rows": rows, "refused": ()})


async def show_dashboard(request: Request) -> Response:
    """One dashboard."""
    row = await dashboard_of(request)
    principal = principal_of(request)
    shown = await board(
        request, row, principal.scope, alerts=principal.may("alerts:read"), linked=True
    )
    tv = await rotating(request)
    return render(request, "dashboards/dashboard.html", shown | {"tv": tv})


async def dashboard_of(request: Request) -> DictRow:
    """The dashboard that the path names.

    Raises:
        NotFound: there is none.
    """
    number, tenant = id_of(request, "dashboard"), principal_of(request).scope.tenant
    return await store.find_dashboard(resources_of(request).pool, tenant, number)


async def board(
    request: Request,
    row: DictRow,
    scope: Scope,
    *,
    alerts: bool,
    linked: bool,
    single: bool = True,
) -> dict[str, Any]:
    """The context of a dashboard's template, or with `single` of the one panel of it that is asked
    for; `linked` where its marks lead somewhere.

    Raises:
        NotFound: there is no such panel.
    """
    resources, now = resources_of(request), datetime.now(UTC)
    alone = request.query_params.get(_PANEL) if single else None
    config, view = asked_of(request, row, scope, alone, alerts=alerts)
    tv = television_of(request)
    places, options = await asyncio.gather(
        read_board(resources, config, view, now), options_of(resources, scope, config)
    )
    context = {
        "row": row,
        "config": config,
        "view": view,
        "places": places,
        "options": options,
        "variable_prefix": _VARIABLE,
        "seconds": SECONDS.get(config.refresh or ("1m" if tv else ""), 0),
        "tv": tv,
        "at": now,
        "linked": linked,
        "all_panels": _address(request) if alone is not None else "",
        "single": single,
        "limits": {
            "lines": MAX_LINES,
            "rows": rows_of_tables([one for _, s in places for one in s.figures]),
        },
        "choices": choices,
        "alert_statuses": STATUSES,
        "name_of": name_of,
        "table_of": table_of,
        "title_of": title_of,
    }
    # Beside the event loop: of many panels this takes long enough to keep others waiting.
    bodies = await beside(_bodies, request, context, places, linked=linked)
    return context | {"bodies": bodies}


def asked_of(
    request: Request, row: DictRow, scope: Scope, alone: str | None, *, alerts: bool
) -> tuple[DashboardConfig, View]:
    """A dashboard in the reader's words, or one of its panels, and how it is looked at.

    Raises:
        NotFound: there is no such panel.
    """
    config = in_words(DashboardConfig.model_validate(row["config"]), reader_of(request))
    if alone is not None:
        config = _only(config, alone)
    given = request.query_params
    values = {n.removeprefix(_VARIABLE): v for n, v in given.items() if n.startswith(_VARIABLE)}
    return config, View(
        scope, choices_of(config, values), range_of(given, config.time_range), alerts
    )


async def panel_picture(request: Request) -> Response:
    """The chart of one panel as a picture."""
    row, principal, reader = await dashboard_of(request), principal_of(request), reader_of(request)
    kind = kind_of(request.query_params.get("format", "png"))
    panel, may_see = request.query_params.get(_PANEL, ""), principal.may("alerts:read")
    config, view = asked_of(request, row, principal.scope, panel, alerts=may_see)
    (shown,) = await read_panels(resources_of(request), config.panels, view, datetime.now(UTC))
    if shown.problem:
        raise Invalid(Problem(shown.problem))
    note = words_of(shown.figures[0], reader) if shown.figures else ""
    charts = drawn(reader, shown, linked=False)
    return await picture_response(
        charts, shown.panel.title, note, reader, kind=kind, name=shown.panel.title
    )


def _bodies(
    request: Request,
    context: Mapping[str, Any],
    places: Sequence[tuple[Place, Shown]],
    *,
    linked: bool,
) -> dict[str, Markup]:
    """The content of each panel as HTML."""
    found = {}
    for _, shown in places:
        panel = shown.panel.id
        text = render_text(
            request,
            "dashboards/panel.html",
            {
                **context,
                "shown": shown,
                "charts": drawn(reader_of(request), shown, linked=linked),
                "alone": _address(request, panel) if context["single"] else "",
                "picture": _picture_address(request, panel) if linked else "",
            },
        )
        found[panel] = Markup(text)  # noqa: S704 - a template of ours
    return found


def _only(config: DashboardConfig, panel: str) -> DashboardConfig:
    """A dashboard of one of its panels."""
    panels = [one for one in config.panels if one.id == panel]
    if not panels:
        raise NotFound(Message("There is no such panel"))
    layout = [place for place in config.layout if place.panel == panel]
    return config.model_copy(update={"panels": panels, "layout": layout})


def _address(request: Request, panel: str | None = None) -> str:
    """The address of what is looked at, with all panels or one."""
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] != _PANEL]
    query = urlencode([*pairs, *([(_PANEL, panel)] if panel else [])])
    return f"{request.url.path}?{query}" if query else request.url.path


def _picture_address(request: Request, panel: str) -> str:
    """The address of a panel's picture, to be ended with its format."""
    pairs = _address(request, panel).removeprefix(request.url.path)
    return f"{request.url.path}/picture{pairs}&format="


def drawn(reader: Reader, shown: Shown, *, linked: bool) -> list[Chart]:
    """The charts of a panel."""
    if shown.panel.type not in ("line", "bar") or shown.problem:
        return []
    marks = [*marks_of(shown.events, reader, linked=linked), *notes_of(shown.annotations)]
    charts = charts_of(shown.figures, shown.panel.type, reader, marks, zoom=True)
    return [shown.usual.drawn(chart, reader) for chart in charts] if shown.usual else charts


def in_words(config: DashboardConfig, reader: Reader) -> DashboardConfig:
    """The same with its titles and labels as the reader sees them."""
    panels = [
        panel.model_copy(update={"title": reader.built_in(panel.title)}) for panel in config.panels
    ]
    variables = [
        one.model_copy(update={"label": reader.built_in(one.label)}) for one in config.variables
    ]
    return config.model_copy(update={"panels": panels, "variables": variables})


def range_of(given: QueryParams, usual: TimeRange) -> TimeRange:
    """The range that an address asks for, else the dashboard's own.

    Raises:
        Invalid: it is none.
    """
    named = given.get("range")
    try:
        if named and named != "custom":
            return TimeRange.model_validate({"last": named})
        if given.get("start_date") and given.get("end_date"):
            start = date.fromisoformat(given["start_date"])
            return TimeRange(start_date=start, end_date=date.fromisoformat(given["end_date"]))
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error
    except ValueError as error:
        raise Invalid(Problem(Message("Use a date such as 2025-06-14"))) from error
    return usual


PAGES = [
    Page("GET", "/dashboards", show_dashboards, scope="metrics:read"),
    Page("GET", "/dashboards/{id:int}", show_dashboard, scope="metrics:read"),
    Page("GET", "/dashboards/{id:int}/picture", panel_picture, scope="metrics:read"),
]
