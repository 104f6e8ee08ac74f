"""The page of closed periods, where they are closed and reopened."""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from service.corrections.closing import CloseIn
from service.http.authentication import caller_of, principal_of
from service.http.paths import id_of
from service.language.translations import N_
from service.metrics.corrections.closes import list_closes
from service.runtime.resources import resources_of
from service.web import choices
from service.web.confirmation import confirmed
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render
from service.web.session import reader_of

_PATH = "/admin/closes"


async def show_closes(request: Request) -> Response:
    """What is closed, and a form that closes more: at first the month before."""
    today = datetime.now(UTC).astimezone(resources_of(request).settings.zone).date()
    last = today.replace(day=1) - timedelta(days=1)
    return await _page(request, Form({"until": last.isoformat(), "metric_type": "revenue"}))


async def close_period(request: Request) -> Response:
    """Close up to a day."""
    form, closes = await read_form(request, CloseIn), resources_of(request).closes
    row = await form.carry_out(
        lambda given: closes.close(caller_of(request), given.until, given.metric_type)
    )
    if row is None:
        return await _page(request, form, status=form.status)
    said = reader_of(request).gettext(N_("The period is closed"))
    return redirect(request, _PATH, flash=said)


async def reopen_period(request: Request) -> Response:
    """Take samples and corrections of that time again."""
    await resources_of(request).closes.reopen(caller_of(request), id_of(request, "close"))
    said = reader_of(request).gettext(N_("The period is open again"))
    return redirect(request, _PATH, flash=said)


async def _page(request: Request, form: Form[CloseIn], *, status: int = 200) -> Response:
    context = {
        "form": form,
        "closes": await list_closes(resources_of(request).read_pool, principal_of(request).scope),
        "names": await names_of(request),
        "types": choices.TYPES,
        "options": choices.options,
    }
    return render(request, "corrections/closes.html", context, status=status)


_reopen = confirmed(
    N_("Reopen? Samples and corrections of that time are taken again."),
    N_("Reopen"),
    reopen_period,
)

PAGES = [
    Page("GET", _PATH, show_closes, scope="keys:admin"),
    Page("POST", _PATH, close_period, scope="keys:admin"),
    Page("POST", f"{_PATH}/{{id:int}}/reopen", _reopen, scope="keys:admin"),
]
