"""The pages as an ASGI app, and what tells their requests from the API's."""

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.secrets import signing_secret
from service.settings import Settings
from service.web import (
    account,
    admin_audit,
    admin_catalog,
    admin_keys,
    admin_retention,
    admin_tenants,
    admin_users,
    administration,
    alert_channels,
    alert_events,
    alert_rules,
    alert_silences,
    dashboard_editing,
    dashboard_files,
    dashboard_sharing,
    dashboards,
    explore,
    overview,
    panel_editing,
    preferences,
    services,
    sign_in,
    welcome,
)
from service.web.assets import Assets, AssetsMissing, load_assets
from service.web.csrf import CsrfTokens
from service.web.errors import EXCEPTION_HANDLERS
from service.web.pages import routes_of
from service.web.rendering import environments
from service.web.site import Site
from service.web.visits import Visits

_log = structlog.get_logger()

PAGES = [
    *overview.PAGES,
    *explore.PAGES,
    *dashboards.PAGES,
    *dashboard_editing.PAGES,
    *dashboard_files.PAGES,
    *dashboard_sharing.PAGES,
    *panel_editing.PAGES,
    *services.PAGES,
    *alert_events.PAGES,
    *alert_rules.PAGES,
    *alert_silences.PAGES,
    *alert_channels.PAGES,
    *administration.PAGES,
    *admin_catalog.PAGES,
    *admin_users.PAGES,
    *admin_keys.PAGES,
    *admin_audit.PAGES,
    *admin_retention.PAGES,
    *admin_tenants.PAGES,
    *account.PAGES,
    *sign_in.PAGES,
    *welcome.PAGES,
    *preferences.PAGES,
]


class Surfaces:
    """Leads a request to the API or to the pages, by its path."""

    def __init__(self, api: ASGIApp, pages: ASGIApp, api_paths: frozenset[str]) -> None:
        self.api = api
        self.pages = pages
        self.api_paths = api_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "/api/")
        mine = path.startswith("/api/") or path in self.api_paths
        await (self.api if mine else self.pages)(scope, receive, send)


def web_app(settings: Settings, documentation: str) -> ASGIApp:
    """Every page, and the API's `documentation`; where the pages' scripts were never fetched, an
    app that says so.
    """
    try:
        assets = load_assets()
    except AssetsMissing as error:
        _log.warning("pages_missing", reason=str(error))
        return _missing(str(error))
    return _site(settings, assets, documentation)


def _site(settings: Settings, assets: Assets, documentation: str) -> ASGIApp:
    secret = signing_secret(settings.secret, settings.data_dir)
    site = Site(settings, assets, environments(assets), CsrfTokens(secret), documentation)
    app = Starlette(
        routes=[assets.route, *routes_of(PAGES)],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.router.redirect_slashes = False
    return Visits(app, site)


def _missing(reason: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        text = f"The pages are missing: {reason}. The API works without them."
        await PlainTextResponse(text, 503)(scope, receive, send)

    return answer
