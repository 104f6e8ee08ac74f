"""Links that show one dashboard to whoever has them, and the page behind such a link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from weakref import WeakValueDictionary

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.access.caller import Principal
from service.dashboards.budget import PANEL_SECONDS
from service.dashboards.pages import board, dashboard_of
from service.http.authentication import caller_of, principal_of
from service.runtime.resources import resources_of
from service.web.errors import error_page
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render
from service.web.session import reader_of
from service.web.site import site_of
from sql.errors import Busy, Forbidden, NotFound
from sql.messages import Message

# Whoever finds such a page must not find it again elsewhere, or tell where it was.
_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "private, no-store",
}


# Pages of one link at once: whoever has it needs no account.
_AT_ONCE = 2
_pages: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


class ShareForm(BaseModel):
    """For how long a link holds."""

    model_config = ConfigDict(extra="forbid")

    days: Literal["1", "7", "30", "90", "365"] = "7"


class EndForm(BaseModel):
    """Which link to end."""

    model_config = ConfigDict(extra="forbid")

    share: int


def may_share(principal: Principal) -> bool:
    """Operators and admins show others what they see; of one service, that service's."""
    return principal.role in ("admin", "operator") and principal.may("metrics:read")


async def show_shares(request: Request) -> Response:
    """The links to a dashboard that hold."""
    _check(request)
    return render(request, "dashboards/shares.html", await _context(request))


async def create_share(request: Request) -> Response:
    """Make a link, which is shown this once."""
    _check(request)
    form = await read_form(request, ShareForm)
    if not form.is_valid:
        return render(request, "dashboards/shares.html", await _context(request, form), status=422)
    row, caller = await dashboard_of(request), caller_of(request)
    expires_at = caller.now + timedelta(days=int(form.data.days))
    token = await resources_of(request).shares.create(caller, row, expires_at)
    origin = site_of(request).settings.public_url or str(request.base_url)
    link = f"{origin.rstrip('/')}/shared/{token}"
    context = await _context(request) | {"link": link}
    return render(request, "dashboards/shares.html", context, status=201, headers=_HEADERS)


async def end_share(request: Request) -> Response:
    """End a link."""
    _check(request)
    form = await read_form(request, EndForm)
    context = await _context(request)
    number, shares = context["row"]["dashboard_id"], resources_of(request).shares
    seen = {one["dashboard_share_id"] for one in context["shares"]}
    mine = form.is_valid and form.data.share in seen
    if not mine or not await shares.end(caller_of(request), number, form.data.share):
        raise NotFound(Message("There is no such link any more"))
    said = reader_of(request).gettext("The link shows nothing any more")
    return redirect(request, f"/dashboards/{number}/shares", flash=said)


async def show_shared(request: Request) -> Response:
    """The dashboard of a link, to whoever has it."""
    token = request.path_params["token"]
    found = await resources_of(request).shares.shown_by(token, datetime.now(UTC))
    if found is None:
        return error_page(request, 404, Message("This link shows nothing (any more)"), _HEADERS)
    async with _turn(token):
        shown = await board(request, found.dashboard, found.scope, alerts=True, linked=False)
    return render(request, "dashboards/shared.html", shown, headers=_HEADERS)


@asynccontextmanager
async def _turn(token: str) -> AsyncIterator[None]:
    """The length of a page behind a link, of which there are few at once.

    Raises:
        Busy: others took all the time that one waits.
    """
    pages = _pages.setdefault(token, asyncio.Semaphore(_AT_ONCE))
    try:
        async with asyncio.timeout(PANEL_SECONDS):
            await pages.acquire()
    except TimeoutError as error:
        raise Busy(Message("Many look at this at once; try again"), 10) from error
    try:
        yield
    finally:
        pages.release()


def _check(request: Request) -> None:
    if not may_share(principal_of(request)):
        raise Forbidden(Message("You may not do or see this"))


async def _context(request: Request, form: Form[ShareForm] | None = None) -> dict[str, Any]:
    row, tenant = await dashboard_of(request), principal_of(request).scope.tenant
    shares = await resources_of(request).shares.of_dashboard(
        tenant, row["dashboard_id"], datetime.now(UTC)
    )
    own = principal_of(request).scope.service_name
    return {
        "row": row,
        "shares": [one for one in shares if own in (None, one["service_name"])],
        "names": await names_of(request),
        "form": form or Form({"days": "7"}),
        "link": "",
    }


_SHARES = "/dashboards/{id:int}/shares"

PAGES = [
    Page("GET", _SHARES, show_shares, scope="metrics:read"),
    Page("POST", _SHARES, create_share, scope="metrics:read", idempotent="/dashboards/{id}/shares"),
    Page("POST", f"{_SHARES}/end", end_share, scope="metrics:read"),
    Page("GET", "/shared/{token}", show_shared, open=True),
]
