"""The page that defines a derived metric."""

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.catalog.editing import define_derived
from service.catalog.models import DerivedIn
from service.http.authentication import caller_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of

_PATH = "/admin/derived"


class DerivedForm(DerivedIn):
    """What is filled in; what is left empty follows."""

    metric_name: str


async def show_form(request: Request) -> Response:
    """The form of a new one."""
    return _page(request, Form(dict.fromkeys(DerivedForm.model_fields, "")))


async def define_metric(request: Request) -> Response:
    """Keep a metric that is computed from others."""
    form = await read_form(request, DerivedForm)
    resources, caller = resources_of(request), caller_of(request)

    async def keep(given: DerivedForm) -> DictRow:
        return await define_derived(resources, caller, given.metric_name, given.definition)

    if (row := await form.carry_out(keep)) is None:
        return _page(request, form, status=form.status)
    said = reader_of(request).gettext(N_("The metric is saved"))
    return redirect(request, f"/admin/catalog/{row['metric_name']}", flash=said)


def _page(request: Request, form: Form[DerivedForm], *, status: int = 200) -> Response:
    return render(request, "catalog/derived.html", {"form": form}, status=status)


PAGES = [
    Page("GET", _PATH, show_form, scope="catalog:write"),
    Page("POST", _PATH, define_metric, scope="catalog:write"),
]
