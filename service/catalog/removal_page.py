"""The page that removes a metric, once it is said how much there is of it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.errors import Conflict

_PATH = "/admin/catalog/{metric_name}/remove"


async def show_removal(request: Request) -> Response:
    """How much there is of the metric, or what keeps it from being removed."""
    return await _page(request)


async def remove_metric(request: Request) -> Response:
    """Remove it with everything of it."""
    removals, name = resources_of(request).removals, request.path_params["metric_name"]
    try:
        extent = await removals.remove(caller_of(request), name)
    except Conflict:
        return await _page(request, status=409)
    begun = N_("The metric is removed; its samples are being deleted")
    said = begun if extent.removal_id else N_("The metric is removed")
    return redirect(request, "/admin/catalog", flash=reader_of(request).gettext(said))


async def _page(request: Request, *, status: int = 200) -> Response:
    removals, name = resources_of(request).removals, request.path_params["metric_name"]
    context: dict[str, Any] = {"metric_name": name, "extent": None, "problem": None}
    try:
        context["extent"] = await removals.count(caller_of(request), name)
    except Conflict as error:
        context["problem"] = error
    return render(request, "catalog/remove.html", context, status=status)


PAGES = [
    Page("GET", _PATH, show_removal, scope="keys:admin"),
    Page("POST", _PATH, remove_metric, scope="keys:admin"),
]
