"""Asking before something is done that cannot be undone, with or without JavaScript."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from service.web.csrf import FIELD
from service.web.forms import SURE, WHAT
from service.web.page import Handler, safe_next
from service.web.rendering import render


def confirmed(question: str, answer: str, handler: Handler) -> Handler:
    """`handler`, once the user has confirmed: a form without that gets a page that asks
    `question` about what the form names, and has a button with `answer` on it.
    """

    async def ask_first(request: Request) -> Response:
        given = await request.form()
        if given.get(SURE):
            return await handler(request)
        kept = {name: value for name, value in given.items() if name != FIELD}
        context = {
            "question": question,
            "answer": answer,
            "what": given.get(WHAT, ""),
            "kept": kept | {SURE: "yes"},
            "back": safe_next(urlsplit(request.headers.get("referer", "")).path),
        }
        return render(request, "confirm.html", context)

    return ask_first
