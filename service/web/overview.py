"""The overview: the business at a glance."""

from starlette.requests import Request
from starlette.responses import Response

from service.web.pages import Page
from service.web.rendering import render


async def show_overview(request: Request) -> Response:
    """Today's figures."""
    return render(request, "overview.html", {})


PAGES = [Page("GET", "/", show_overview)]
