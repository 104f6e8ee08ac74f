"""Pages that follow what happens: parts of them as server-sent events."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service.runtime.resources import resources_of
from service.web.cookies import ACCESS
from service.web.session import session_of
from sql.errors import DatabaseError

# Proxies close what is silent for long, and a browser that is gone is noticed by writing.
_STILL_HERE = ": still here\n\n"


def stream(request: Request, parts: AsyncIterator[str], *, every: float) -> Response:
    """The next of `parts` every so many seconds, sent where it is another one, as the event
    ``message``. Ends when the service stops, and when the access token that it began with
    does: the browser comes back and has its log-in renewed, or gets the answer to stop.
    """
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    content = _events(request, parts, every)
    return StreamingResponse(content, media_type="text/event-stream", headers=headers)


async def _events(request: Request, parts: AsyncIterator[str], every: float) -> AsyncIterator[str]:
    ending: asyncio.Event = request.state.ending
    shown = ""
    while not ending.is_set() and _holds(request):
        try:
            part = await anext(parts)
        except DatabaseError:
            # The last part stays shown until the database is back; the browser asks again.
            return
        yield _event(part) if part != shown else _STILL_HERE
        shown = part
        try:
            await asyncio.wait_for(ending.wait(), every)
        except TimeoutError:
            continue


def _holds(request: Request) -> bool:
    """Whether whoever asked is still signed in."""
    token = session_of(request).cookies.current(ACCESS)
    return token is not None and resources_of(request).sessions.principal(token) is not None


def _event(text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"{lines}\n"
