"""Forms that make something: sent again as they are, by a reload or a second click, they make
nothing more.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.csrf import FIELD, HEADER
from service.web.rendering import redirect
from service.web.session import reader_of
from service.web.site import site_of
from sql.database import fetch_all

_AGAIN = N_("This form was sent twice and counts once")


async def answer_idempotently(
    request: Request, handler: Callable[[Request], Awaitable[Response]], then: str
) -> Response:
    """The handler's answer; to a form that came before, the page `then`. What was refused may
    be sent again.
    """
    pool, params = resources_of(request).pool, {"key": await _key(request)}
    if not await fetch_all(pool, "claim_form", params):
        return redirect(request, then, flash=reader_of(request).gettext(_AGAIN))
    refused = True
    try:
        answer = await handler(request)
        refused = answer.status_code >= 400
        return answer
    finally:
        if refused:
            await fetch_all(pool, "release_form", params)


async def _key(request: Request) -> str:
    """One for a token with these contents: who goes back and changes a field sends another
    form. Sealed, as a form may hold a password.
    """
    form = await request.form()
    token = request.headers.get(HEADER) or form.get(FIELD)
    return site_of(request).csrf.seal(repr((request.url.path, token, form.multi_items())))
