"""Pages of samples: those under the explorer, one to be corrected, and those that were voided."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from service.corrections.models import Reason, VoidParams, cursor_behind
from service.explore.exploration import Exploration, read_exploration
from service.explore.models import listing
from service.http.authentication import caller_of, principal_of
from service.http.pagination import cursor_of, position_of
from service.http.paths import id_of
from service.language.names import title_of
from service.language.translations import N_
from service.metrics.corrections.voids import find, list_voids
from service.metrics.query.samples import Position, SampleQuery, sample_page
from service.metrics.query.selection import select
from service.panels.ranges import span_of_range
from service.runtime.resources import resources_of
from service.web.forms import Form, read_filters, read_form
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.vocabulary import LABELS

USUAL = "revenue_hourly"
_PER_PAGE = 100
_VOIDS = "/explore/voids"
_FILTERS = ("metric_name", "voided_by", "start_date", "end_date")


class VoidForm(BaseModel):
    """A value that was filled in for a replacement does not matter here."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    value: str | None = None


class ReplaceForm(BaseModel):
    """The value that stands in a sample's place."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    value: Annotated[float, Field(allow_inf_nan=False)]


async def list_samples(request: Request) -> Response:
    """The samples behind the figures of the explorer, newest first."""
    resources, scope = resources_of(request), principal_of(request).scope
    now, zone = datetime.now(UTC), resources.settings.zone
    cursor = request.query_params.get("cursor", "")
    asked = read_exploration(_without_cursor(request.query_params), USUAL, now, zone)
    metric = await resources.catalog.entry(scope, asked.query.metric_name)
    span = span_of_range(asked.range, now, zone)
    wanted = SampleQuery(
        selection=select(scope, metric, asked.query.filters),
        since=span.since,
        before=span.before,
        limit=_PER_PAGE,
        after=Position(*position_of(listing("desc"), cursor)) if cursor else None,
    )
    page = await sample_page(resources.reads, wanted)
    context = {
        "asked": asked,
        "samples": page.rows,
        "title_of": title_of,
        "next": page.next and _address(asked, cursor_of(listing("desc"), *page.next)),
        "first": cursor and asked.address("/explore/samples"),
    }
    return render(request, "corrections/samples.html", context)


async def show_sample(request: Request) -> Response:
    """One sample, and the forms that correct it; of one that was voided, by whom and why."""
    return await _page(request, Form({"reason": "", "value": ""}))


async def void_sample(request: Request) -> Response:
    """Take a sample out of every figure."""
    form = await read_form(request, VoidForm)
    number, corrections = id_of(request, "sample"), resources_of(request).corrections
    void = await form.carry_out(
        lambda given: corrections.void(caller_of(request), number, given.reason)
    )
    if void is None:
        return await _page(request, form, status=form.status)
    said = reader_of(request).gettext(N_("The sample is voided and counts nowhere any more"))
    return redirect(request, f"/explore/samples/{number}", flash=said)


async def replace_sample(request: Request) -> Response:
    """Put another value in the place of a sample's."""
    form = await read_form(request, ReplaceForm)
    number, corrections = id_of(request, "sample"), resources_of(request).corrections
    void = await form.carry_out(
        lambda given: corrections.replace(caller_of(request), number, given.value, given.reason)
    )
    if void is None:
        return await _page(request, form, status=form.status)
    said = reader_of(request).gettext(N_("The sample is replaced"))
    return redirect(request, f"/explore/samples/{void['replaced_by']}", flash=said)


async def list_voided(request: Request) -> Response:
    """Voids, newest first, that pass the filters in the address."""
    form = read_filters(request, VoidParams, (*_FILTERS, "cursor"))
    if not form.is_valid:
        return render(request, "corrections/voids.html", _voids_context(form), status=422)
    resources, params = resources_of(request), form.data
    page = await list_voids(
        resources.read_pool,
        principal_of(request).scope,
        params.filters(resources.settings.zone),
        after=params.after(),
        limit=_PER_PAGE,
    )
    context = _voids_context(form, cursor_behind(page)) | {
        "voids": page.rows,
        "names": await names_of(request),
    }
    return render(request, "corrections/voids.html", context)


async def _page(request: Request, form: Form[Any], *, status: int = 200) -> Response:
    number, scope = id_of(request, "sample"), principal_of(request).scope
    sample = await find(resources_of(request).read_pool, scope, number)
    context = {
        "form": form,
        "sample": sample,
        "labels": _labels(sample),
        "names": await names_of(request),
        "title_of": title_of,
    }
    return render(request, "corrections/sample.html", context, status=status)


def _labels(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sample[name] for name in LABELS if sample[name] is not None}


def _voids_context(form: Form[VoidParams], following: str | None = None) -> dict[str, Any]:
    chosen = {name: form.values[name] for name in _FILTERS if form.values[name]}
    return {
        "form": form,
        "voids": [],
        "names": {},
        "chosen": chosen,
        "title_of": title_of,
        "next": following and f"{_VOIDS}?{urlencode({**chosen, 'cursor': following})}",
        "first": form.values["cursor"] and f"{_VOIDS}?{urlencode(chosen)}",
    }


def _address(asked: Exploration, cursor: str) -> str:
    return f"{asked.address('/explore/samples')}&{urlencode({'cursor': cursor})}"


def _without_cursor(given: QueryParams) -> QueryParams:
    return QueryParams([pair for pair in given.multi_items() if pair[0] != "cursor"])


PAGES = [
    Page("GET", "/explore/samples", list_samples, scope="metrics:read"),
    Page("GET", "/explore/samples/{id:int}", show_sample, scope="metrics:read"),
    Page("POST", "/explore/samples/{id:int}/void", void_sample, scope="metrics:correct"),
    Page("POST", "/explore/samples/{id:int}/replace", replace_sample, scope="metrics:correct"),
    Page("GET", _VOIDS, list_voided, scope="metrics:read"),
]
