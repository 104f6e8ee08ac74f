"""The explorer: any metric, any range, one address for each picture."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.dashboards.store import list_dashboards
from service.drawing.answer import kind_of, picture_response
from service.explore.exploration import (
    Exploration,
    as_given,
    filter_fields,
    read_exploration,
)
from service.explore.looking import look, nothing
from service.explore.ranking import ranking_table
from service.explore.rows import figures_csv, figures_table
from service.http.authentication import principal_of
from service.http.files import FileParams, Format, Locale, file_response
from service.language.names import title_of
from service.metrics.catalog import MetricEntry
from service.metrics.query.beside import beside
from service.panels.addresses import FILTER
from service.panels.pictures import (
    MAX_COLUMNS,
    MAX_LINES,
    name_of,
    table_of,
    words_of,
)
from service.panels.ranges import span_of_range
from service.panels.reading import EXPORT_ROWS, read_everything
from service.runtime.resources import resources_of
from service.web import choices
from service.web.forms import Form
from service.web.page import Page
from service.web.rendering import render
from service.web.session import reader_of
from sql.errors import DomainError, missing

USUAL = "revenue_hourly"
# Rows of a table with more periods; the CSV has all.
MAX_ROWS = 400
# Of how many groups the whole range is told in large.
MAX_HEADLINES = 4
# From so many values on a filter is searched rather than chosen from.
MAX_CHOICES = 100


async def show_explorer(request: Request) -> Response:
    """Chart and table of what the address asks for."""
    return await explorer_page(request, request.query_params)


async def explorer_page(
    request: Request, given: QueryParams, saving: Form[Any] | None = None, *, status: int = 200
) -> Response:
    """The explorer with the result of `given`, or its problem beside the form as it was filled
    in. `saving` is the form that saves it as a panel.
    """
    resources, principal = resources_of(request), principal_of(request)
    now, zone = datetime.now(UTC), resources.settings.zone
    catalogue = await resources.catalog.listed(principal.scope)
    usual = _usual(catalogue)
    problem: DomainError | None = None
    try:
        asked = read_exploration(given, usual, now, zone)
    except DomainError as error:
        problem = error
        known = any(row["metric_name"] == given.get("metric_name") for row in catalogue)
        asked = as_given(given, given["metric_name"] if known else usual)
    entry = next((row for row in catalogue if row["metric_name"] == asked.query.metric_name), None)
    if entry is None and problem is None and "metric_name" in given:
        problem = missing("metric", asked.query.metric_name)
    metric = await _metric(request, asked, entry)
    names = metric.labels
    may_save = principal.may("catalog:write")
    values, seen, dashboards = await asyncio.gather(
        resources.labels.values(principal.scope, metric.submitted, names),
        look(request, asked, metric, now) if problem is None else nothing(problem),
        list_dashboards(resources.read_pool, principal.scope.tenant) if may_save else _none(),
    )
    return render(
        request,
        "explore/explorer.html",
        seen
        | {
            "asked": asked,
            "entry": entry,
            "catalogue": _by_type(catalogue),
            "fields": filter_fields(values, asked.query.filters),
            "names": names,
            "splits": _splits(asked, values),
            "dashboards": dashboards,
            "saving": saving or _unsaved(request, asked),
            "choices": choices,
            "name_of": name_of,
            "table_of": table_of,
            "title_of": title_of,
            "filter_prefix": FILTER,
            "limits": {
                "headlines": MAX_HEADLINES,
                "lines": MAX_LINES,
                "rows": MAX_ROWS,
                "columns": MAX_COLUMNS,
                "export": EXPORT_ROWS,
                "choices": MAX_CHOICES,
            },
        },
        status=status,
    )


def _splits(asked: Exploration, values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The address of the ranking by each label that has several values; none of what is grouped
    already.
    """
    if asked.query.group_by:
        return {}
    several = (name for name, found in values.items() if len(found) > 1 and name != "unit")
    return {name: asked.address(group_by=name) for name in several}


def _unsaved(request: Request, asked: Exploration) -> Form[Any]:
    title = reader_of(request).metric(asked.query.metric_name)
    return Form({"title": title, "dashboard": None, "name": ""})


async def explorer_csv(request: Request) -> Response:
    """The figures of the explorer as the API answers them in CSV."""
    resources, scope = resources_of(request), principal_of(request).scope
    now, zone = datetime.now(UTC), resources.settings.zone
    asked = read_exploration(request.query_params, USUAL, now, zone)
    metric = await resources.catalog.entry(scope, asked.query.metric_name)
    span = span_of_range(asked.range, now, zone)
    result = await read_everything(resources, scope, asked.query, metric, span, now)
    response = await beside(figures_csv, result)
    name = f"{asked.query.metric_name}.csv".replace(":", "_")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def explorer_file(request: Request) -> Response:
    """The figures of the explorer as a file for a spreadsheet in the reader's language, or with
    ``what=ranking`` its groups.
    """
    resources, scope = resources_of(request), principal_of(request).scope
    now, zone = datetime.now(UTC), resources.settings.zone
    given = QueryParams(
        [(n, v) for n, v in request.query_params.multi_items() if n not in ("format", "what")]
    )
    asked = read_exploration(given, USUAL, now, zone)
    metric = await resources.catalog.entry(scope, asked.query.metric_name)
    span = span_of_range(asked.range, now, zone)
    if request.query_params.get("what") == "ranking":
        table = ranking_table(resources, scope, asked, metric, span, now)
    else:
        result = await read_everything(resources, scope, asked.query, metric, span, now)
        table = figures_table(result)
    locale: Locale = "pt-BR" if reader_of(request).language == "pt-BR" else "en"
    kind: Format = "csv" if request.query_params.get("format") == "csv" else "xlsx"
    return await file_response(table, FileParams(format=kind, locale=locale))


async def explorer_picture(request: Request) -> Response:
    """The chart of the explorer as a picture."""
    resources, scope = resources_of(request), principal_of(request).scope
    now, zone, reader = datetime.now(UTC), resources.settings.zone, reader_of(request)
    pairs = request.query_params.multi_items()
    given = QueryParams([pair for pair in pairs if pair[0] != "format"])
    kind = kind_of(request.query_params.get("format", "png"))
    asked = read_exploration(given, USUAL, now, zone)
    metric = await resources.catalog.entry(scope, asked.query.metric_name)
    seen = await look(request, asked, metric, now)
    if seen["problem"]:
        raise seen["problem"]
    name, note = asked.query.metric_name, words_of(seen["figures"], reader)
    return await picture_response(
        seen["charts"], reader.metric(name), note, reader, kind=kind, name=name
    )


async def list_choices(request: Request) -> Response:
    """The values of one filter of a metric that contain what was typed."""
    given = request.query_params
    metric, name = given.get("metric_name", ""), given.get("name", "")
    typed = given.get(FILTER + name, "").replace("\0", "")[:200]
    labels, scope = resources_of(request).labels, principal_of(request).scope
    named = reader_of(request).values_named(name, typed)
    entry = await resources_of(request).catalog.entry(scope, metric.replace("\0", ""))
    values = await labels.values(scope, entry.submitted, [name], typed, named)
    return render(request, "explore/choices.html", {"values": values[name], "name": name})


async def tidy_address(request: Request) -> Response:
    """A form sent without a script has empty fields: go on to the address without them."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if value]
    asked = type(request.query_params)(pairs)
    return RedirectResponse(f"/explore?{asked}", 303)


async def explorer(request: Request) -> Response:
    """The page, or the tidy address of it."""
    empty = any(not value for _, value in request.query_params.multi_items())
    if empty and "hx-request" not in request.headers:
        return await tidy_address(request)
    return await show_explorer(request)


async def _metric(request: Request, asked: Exploration, entry: DictRow | None) -> MetricEntry:
    name = asked.query.metric_name
    if entry is None:
        return MetricEntry(name)
    catalog, scope = resources_of(request).catalog, principal_of(request).scope
    return (await catalog.entries_of(scope, [entry]))[name]


async def _none() -> list[DictRow]:
    return []


def _usual(catalogue: Sequence[DictRow]) -> str:
    """The metric that is shown before one is picked."""
    filled = [row["metric_name"] for row in catalogue if row["series"]]
    return USUAL if USUAL in filled or not filled else filled[0]


def _by_type(catalogue: Sequence[DictRow]) -> Mapping[str, list[DictRow]]:
    groups: dict[str, list[DictRow]] = {name: [] for name in choices.TYPES}
    for row in catalogue:
        groups[row["metric_type"]].append(row)
    return {name: rows for name, rows in groups.items() if rows}


PAGES = [
    Page("GET", "/explore", explorer, scope="metrics:read"),
    Page("GET", "/explore/choices", list_choices, scope="metrics:read"),
    Page("GET", "/explore.csv", explorer_csv, scope="metrics:read"),
    Page("GET", "/explore/file", explorer_file, scope="metrics:read"),
    Page("GET", "/explore/picture", explorer_picture, scope="metrics:read"),
]
