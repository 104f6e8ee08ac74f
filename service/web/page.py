"""Pages as data, as endpoints are: the routes are made from their list."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Message as AsgiMessage
from starlette.types import Receive

from service.access.caller import AccessScope
from service.http.bodies import MAX_BODY
from service.http.errors import AWAY, too_large
from service.runtime.resources import resources_of
from service.web.csrf import FIELD, HEADER, comes_from_here
from service.web.idempotency import answer_idempotently
from service.web.rendering import render
from service.web.session import session_of
from service.web.site import site_of
from service.web.uploads import read_upload
from sql.errors import Busy, Forbidden
from sql.messages import Message

Handler = Callable[[Request], Awaitable[Response]]
SIGN_IN = "/sign-in"
_OUT_OF_DATE = Message("This form is out of date: go back, load the page again and retry")
_LIMIT = {"number": MAX_BODY // 1024 // 1024}
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Page:
    """One method of one path. `scope` is what a user needs (None: any signed-in user); `open`
    ones need no user. A page that changes something is a POST, whose token is checked before
    the handler is called; one that makes something names in `idempotent` the page to go on to
    where the same form is sent again. The form of a page with `upload` has a file of any size,
    which its handler reads from `upload_of(request)`.
    """

    method: str
    path: str
    handler: Handler
    scope: AccessScope | None = None
    open: bool = False
    idempotent: str | None = None
    upload: bool = False


def routes_of(pages: Sequence[Page]) -> list[Route]:
    """One route for each path; HEAD comes with GET."""
    by_path: dict[str, list[Page]] = {}
    for page in pages:
        by_path.setdefault(page.path, []).append(page)
    return [_route(path, members) for path, members in by_path.items()]


def safe_next(path: str) -> str:
    """The path to go on to, if it is a page of this site; else the overview."""
    parts = urlsplit(path)
    here = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if here and not parts.scheme and not parts.netloc else "/"


def _route(path: str, members: Sequence[Page]) -> Route:
    by_method = {page.method: page for page in members}
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]

    async def dispatch(request: Request) -> Response:
        page, session = by_method[request.method], session_of(request)
        if session.away and not page.open:
            raise Busy(AWAY)
        if session.principal is None and not page.open:
            return _to_sign_in(request)
        if not page.upload:
            request = Request(request.scope, _limited(request.receive))
        if request.method not in _SAFE:
            await _check_token(request, page)
        if page.scope and not (session.principal and session.principal.may(page.scope)):
            raise Forbidden(Message("You may not do or see this"))
        if page.idempotent:
            then = page.idempotent.format(**request.path_params)
            return await answer_idempotently(request, page.handler, then)
        if request.method in _SAFE:
            return await resources_of(request).reads.retrying(lambda: page.handler(request))
        return await page.handler(request)

    return Route(path, dispatch, methods=list(by_method), name=path)


def _to_sign_in(request: Request) -> Response:
    """Through the sign-in page to what was asked for, if that was a page to look at."""
    if "text/event-stream" in request.headers.get("accept", ""):
        # The one answer after which a browser stops asking.
        return Response(status_code=204)
    if "hx-request" in request.headers:
        return _signed_out(request)
    wanted = (
        "/" if request.method not in _SAFE else _with_query(request.url.path, request.url.query)
    )
    return RedirectResponse(_sign_in_for(wanted), 303)


def _signed_out(request: Request) -> Response:
    """To htmx, a notice: the page that asks may hold a form that is about to be sent."""
    shown = urlsplit(request.headers.get("hx-current-url", ""))
    headers = {"HX-Retarget": "#notices", "HX-Reswap": "innerHTML", "HX-Reselect": "unset"}
    context = {"sign_in": _sign_in_for(_with_query(shown.path, shown.query))}
    return render(request, "parts/signed_out.html", context, status=401, headers=headers)


def _sign_in_for(wanted: str) -> str:
    return f"{SIGN_IN}?next={quote(wanted, safe='/')}" if wanted not in ("", "/") else SIGN_IN


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


async def _check_token(request: Request, page: Page) -> None:
    site = site_of(request)
    if not comes_from_here(request, site.settings.public_url):
        raise Forbidden(Message("This form was sent from another site"))
    fields = await _fields(request, page)
    token = request.headers.get(HEADER) or fields.get(FIELD)
    if not isinstance(token, str) or not site.csrf.holds(token, session_of(request).binding):
        raise Forbidden(_OUT_OF_DATE)


async def _fields(request: Request, page: Page) -> Mapping[str, object]:
    """Those of the form, within the limit; handlers get the same again."""
    if not page.upload:
        return await request.form(max_files=10, max_part_size=MAX_BODY)
    upload = request.scope["upload"] = await read_upload(request)
    return upload.fields


def _limited(receive: Receive) -> Receive:
    """A body of at most `MAX_BODY` bytes."""
    total = 0

    async def limited() -> AsgiMessage:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY:
            raise too_large(Message("The form is larger than {number} MiB", _LIMIT))
        return message

    return limited
