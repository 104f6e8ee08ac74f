"""Administration of the catalogue: what each metric means and how it is added up."""

from itertools import groupby
from typing import Annotated, Any

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.catalog.editing import change_metric, define_derived
from service.catalog.models import CatalogPatch, DerivedIn
from service.http.authentication import caller_of, principal_of
from service.language.translations import N_
from service.metrics.ingest.room import nearness
from service.runtime.resources import resources_of
from service.web import choices
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.vocabulary import Aggregation, Kind

_PATH = "/admin/catalog"
_KINDS = {
    "flow": N_("Flow: adds up over time, such as revenue"),
    "stock": N_("Stock: a level at a time, such as active users"),
    "ratio": N_("Ratio: neither, such as a rate"),
}


class EntryForm(BaseModel):
    """All that can be edited of a metric; dimensions with commas between them."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    default_aggregation: Aggregation
    unit: str = ""
    description: str = ""
    dimensions: Annotated[str, Field(max_length=1000)] = ""
    formula: str = ""

    @property
    def patch(self) -> dict[str, Any]:
        """The same as the API takes it."""
        names = [name.strip() for name in self.dimensions.split(",")]
        fields = self.model_dump(exclude={"formula"})
        return fields | {"dimensions": [name for name in names if name]}

    @property
    def derived(self) -> dict[str, Any]:
        """The same of a derived metric."""
        return self.model_dump(include={"formula", "kind", "unit", "description"})


async def list_metrics(request: Request) -> Response:
    """Every metric by its type; those whose name or description has what is looked for."""
    wanted = request.query_params.get("q", "").strip()[:200].lower()
    resources, scope = resources_of(request), principal_of(request).scope
    rows = await resources.catalog.listed(scope)
    usages = await resources.series.room.near_limits()
    found = [row for row in rows if wanted in f"{row['metric_name']} {row['description']}".lower()]
    found.sort(key=lambda row: list(choices.TYPES).index(row["metric_type"]))
    groups = [(kind, list(of)) for kind, of in groupby(found, lambda row: row["metric_type"])]
    context = {
        "groups": groups,
        "near_limits": [nearness(one) for one in usages if one.owner.is_in(scope)],
        "form": Form({"q": wanted}),
        "choices": choices,
    }
    return render(request, "catalog/list.html", context)


async def show_metric(request: Request) -> Response:
    """One metric, to edit."""
    row = await _found(request)
    values = {name: row[name] or "" for name in EntryForm.model_fields}
    values["dimensions"] = ", ".join(row["dimensions"])
    return _editor(request, Form(values), row)


async def edit_metric(request: Request) -> Response:
    """Change a metric; figures follow at once."""
    form = await read_form(request, EntryForm)
    if form.is_valid and form.data.formula:
        return await _define_anew(request, form)
    if form.is_valid:
        wanted: Form[CatalogPatch] = Form(form.values)
        wanted.check(CatalogPatch, form.data.patch)
        if wanted.is_valid:
            name, change = _name_in(request), wanted.data.change
            await change_metric(resources_of(request), caller_of(request), name, change)
            said = reader_of(request).gettext(N_("The metric is saved"))
            return redirect(request, _PATH, flash=said)
        form.errors |= wanted.errors
    return _editor(request, form, await _found(request), status=422)


async def _define_anew(request: Request, form: Form[EntryForm]) -> Response:
    wanted: Form[DerivedIn] = Form(form.values)
    wanted.check(DerivedIn, form.data.derived)
    resources, caller, name = resources_of(request), caller_of(request), _name_in(request)

    async def keep(given: DerivedIn) -> DictRow:
        return await define_derived(resources, caller, name, given.definition)

    if await wanted.carry_out(keep) is None:
        form.errors |= wanted.errors
        return _editor(request, form, await _found(request), status=wanted.status)
    said = reader_of(request).gettext(N_("The metric is saved"))
    return redirect(request, _PATH, flash=said)


def _name_in(request: Request) -> str:
    name: str = request.path_params["metric_name"]
    return name


async def _found(request: Request) -> DictRow:
    scope = principal_of(request).scope
    return await resources_of(request).catalog.row(scope, _name_in(request))


def _editor(
    request: Request, form: Form[EntryForm], row: DictRow, *, status: int = 200
) -> Response:
    reader = reader_of(request)
    context = {
        "form": form,
        "metric": row,
        "choices": choices,
        "kinds": choices.options(reader, _KINDS),
        "aggregations": choices.options(reader, choices.AGGREGATIONS),
    }
    return render(request, "catalog/metric.html", context, status=status)


PAGES = [
    Page("GET", _PATH, list_metrics, scope="catalog:write"),
    Page("GET", f"{_PATH}/{{metric_name}}", show_metric, scope="catalog:write"),
    Page("POST", f"{_PATH}/{{metric_name}}", edit_metric, scope="catalog:write"),
]
