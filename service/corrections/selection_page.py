"""The page that voids all samples of what the explorer shows, once they are counted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.corrections.models import Reason
from service.explore.exploration import Exploration, read_exploration
from service.http.authentication import caller_of, principal_of
from service.language.names import title_of
from service.language.translations import N_
from service.metrics.corrections.selections import Voided, VoidSpec
from service.metrics.query.selection import select
from service.panels.ranges import span_of_range
from service.runtime.resources import resources_of
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.errors import DomainError, Invalid, Problem
from sql.messages import Message

PATH = "/explore/samples/void"
_DONE = N_("Samples that are voided: %(number)s")
_BEGUN = N_("Samples that are being voided: %(number)s. It takes minutes.")
# Older counts are made anew.
_COUNT_HOLDS = timedelta(days=1)


class VoidManyForm(BaseModel):
    """Why they are voided, and when they were counted: what is later stays."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    until: AwareDatetime


async def show_selection(request: Request) -> Response:
    """How many samples are meant and their sum, and the form that voids them."""
    return await _page(request, Form({"reason": ""}))


async def void_selection(request: Request) -> Response:
    """Void all samples of the selection in the address."""
    form = await read_form(request, VoidManyForm)
    voids, caller = resources_of(request).selection_voids, caller_of(request)

    async def void(given: VoidManyForm) -> Voided:
        now = datetime.now(UTC)
        if now - given.until > _COUNT_HOLDS:
            raise Invalid(Problem(Message("They were counted too long ago; look again")))
        _, spec = await _asked(request, min(given.until, now), given.reason)
        return await voids.void(caller, spec)

    found = await form.carry_out(void)
    if found is None:
        return await _page(request, form, status=form.status)
    reader = reader_of(request)
    said = reader.gettext(_BEGUN if found.job_id else _DONE)
    metric = quote(request.query_params.get("metric_name", ""))
    flash = said % {"number": reader.number(found.number)}
    return redirect(request, f"/explore/voids?metric_name={metric}", flash=flash)


async def _asked(request: Request, now: datetime, reason: str) -> tuple[Exploration, VoidSpec]:
    """The selection in the address as it is at `now`."""
    resources, scope = resources_of(request), principal_of(request).scope
    zone = resources.settings.zone
    asked = read_exploration(request.query_params, "", now, zone)
    metric = await resources.catalog.entry(scope, asked.query.metric_name)
    await resources.catalog.check_known(scope, metric)
    span = span_of_range(asked.range, now, zone)
    spec = VoidSpec(
        metric_name=metric.metric_name,
        selection=select(scope, metric, asked.query.filters),
        since=span.since,
        before=min(span.before, now),
        reason=reason,
    )
    return asked, spec


async def _page(request: Request, form: Form[Any], *, status: int = 200) -> Response:
    now = datetime.now(UTC)
    form.values["until"] = now.isoformat()
    asked, spec = await _asked(request, now, "")
    found = problem = None
    try:
        found = await resources_of(request).selection_voids.count(caller_of(request), spec)
    except DomainError as error:
        problem = error
    context = {
        "form": form,
        "asked": asked,
        "spec": spec,
        "found": found,
        "problem": problem,
        "address": asked.address(PATH),
        "title_of": title_of,
    }
    return render(request, "corrections/void_many.html", context, status=status)


PAGES = [
    Page("GET", PATH, show_selection, scope="metrics:correct"),
    Page("POST", PATH, void_selection, scope="metrics:correct"),
]
