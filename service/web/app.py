"""The pages as an ASGI app, and the dispatcher between them and the API."""

from collections.abc import Sequence

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.runtime.secrets import signing_secret
from service.runtime.settings import Settings
from service.web.assets import Assets, AssetsMissing, load_assets
from service.web.csrf import CsrfTokens
from service.web.errors import EXCEPTION_HANDLERS
from service.web.page import Page, routes_of
from service.web.rendering import environments
from service.web.session import SessionMiddleware
from service.web.site import Site

_log = structlog.get_logger()


class Dispatcher:
    """Leads a request to the API or to the pages, by its path. Paths that both have (`shared`)
    are the API's for who brings a key, and for programs.
    """

    def __init__(
        self, api: ASGIApp, pages: ASGIApp, api_paths: frozenset[str], shared: frozenset[str]
    ) -> None:
        self.api = api
        self.pages = pages
        self.api_paths = api_paths
        self.shared = shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "/api/")
        mine = path.startswith("/api/") or path in self.api_paths
        if path in self.shared and _is_a_browsers(scope):
            mine = False
        await (self.api if mine else self.pages)(scope, receive, send)


def _is_a_browsers(scope: Scope) -> bool:
    """Whether somebody looks at it in a browser, without a key."""
    headers = dict(scope["headers"])
    has_key = b"x-api-key" in headers or b"authorization" in headers
    return not has_key and b"text/html" in headers.get(b"accept", b"")


def web_app(settings: Settings, pages: Sequence[Page], documentation: str) -> ASGIApp:
    """`pages`, and the API's `documentation`; where the pages' scripts were never fetched, an
    app that says so.
    """
    try:
        assets = load_assets()
    except AssetsMissing as error:
        _log.warning("pages_missing", reason=str(error))
        return _missing(str(error))
    return _site(settings, pages, assets, documentation)


def _site(settings: Settings, pages: Sequence[Page], assets: Assets, documentation: str) -> ASGIApp:
    secret = signing_secret(settings.secret, settings.data_dir)
    site = Site(settings, assets, environments(assets), CsrfTokens(secret), documentation)
    app = Starlette(
        routes=[assets.route, *routes_of(pages)],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.router.redirect_slashes = False
    return SessionMiddleware(app, site)


def _missing(reason: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        text = f"The pages are missing: {reason}. The API works without them."
        await PlainTextResponse(text, 503)(scope, receive, send)

    return answer
