"""The way into the administration."""

from starlette.requests import Request
from starlette.responses import Response

from service.web.navigation import SECTIONS
from service.web.page import Page
from service.web.rendering import redirect


async def lead_in(request: Request) -> Response:
    """To the first section, which is open to all who may come in."""
    return redirect(request, SECTIONS[0].path)


PAGES = [Page("GET", "/admin", lead_in, scope="catalog:write")]
