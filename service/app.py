"""The ASGI app, built in one place: endpoints, middleware, handlers, lifespan."""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from service.alerts.pictures import event_picture
from service.documentation.document import api_document
from service.documentation.pages import documentation_routes, render_page
from service.features import ENDPOINTS, PAGES
from service.http.authentication import Authentication, KeyRing
from service.http.endpoint import routes_of
from service.http.errors import EXCEPTION_HANDLERS
from service.http.limits import RateLimits
from service.http.middleware import RequestHeaders
from service.http.unread import ReadToTheEnd
from service.runtime.lifespan import running_resources
from service.runtime.logging import configure_logging
from service.runtime.secrets import admin_key
from service.runtime.server import end_with_supervisor
from service.runtime.settings import Settings, load_settings
from service.runtime.stopping import Stopping
from service.runtime.telemetry.requests import RequestMetrics
from service.runtime.telemetry.tracing import Tracing, can_trace
from service.web.app import Dispatcher, web_app
from service.web.page import routes_of as pages_of
from sql.engine import Engine
from sql.migrator import recorded_engine

OPEN_PATHS = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.open)
FOREIGN_PATHS = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.foreign)


def create_app() -> ASGIApp:
    """The app of this process, from the environment; uvicorn's factory.

    Raises:
        DatabaseError: the database is away or was never migrated.
    """
    end_with_supervisor()
    settings = load_settings()
    configure_logging(settings.log)
    assert settings.database_url is not None, "whoever starts workers sets it"
    app = build_app(settings, recorded_engine(settings.database_url))
    # Objects made up to here stay: looking through them again and again for garbage took a
    # tenth of the time of a small request.
    gc.freeze()
    # What large answers leave behind made looking through all objects, for which everybody waits
    # up to a tenth of a second, due every few seconds: only after ten times as much.
    gc.set_threshold(700, 10, 100)
    # Threads make large answers meanwhile: they let the event loop go on sooner than after 5 ms.
    sys.setswitchinterval(0.001)
    return app


def build_app(settings: Settings, engine: Engine) -> ASGIApp:
    """The app for a database that is migrated."""
    stopping = Stopping()
    tracing = Tracing() if settings.otlp_endpoint and can_trace() else None

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with running_resources(settings, engine, stopping, event_picture) as resources:
            with stopping.on_signals(settings.drain_seconds):
                yield {"resources": resources, "ending": stopping.ending}
        if tracing:
            await tracing.close()

    key, _ = admin_key(settings.admin_key, settings.data_dir)
    document, page = _documentation()
    documentation = documentation_routes(document, page)
    app = Starlette(
        routes=[*routes_of(ENDPOINTS), *documentation],
        middleware=[
            Middleware(
                Authentication,
                keys=KeyRing(key),
                open_paths=OPEN_PATHS,
                foreign_paths=FOREIGN_PATHS,
            ),
            Middleware(RateLimits, limit=settings.rate_limit),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    # A slash too many is a mistake to be told of, not a redirect.
    app.router.redirect_slashes = False
    api_paths = {endpoint.path for endpoint in ENDPOINTS} | {route.path for route in documentation}
    pages = web_app(settings, PAGES, page)
    shared = frozenset({"/docs"})
    dispatcher = Dispatcher(app, pages, frozenset(api_paths | {"/api"}), shared)
    routes = [*app.routes, *pages_of(PAGES)]
    served = tracing.around(dispatcher, routes) if tracing else dispatcher
    return RequestMetrics(RequestHeaders(ReadToTheEnd(served), stopping))


@cache
def _documentation() -> tuple[dict[str, Any], str]:
    """The document of the API and the page that shows it: a second of work."""
    document = api_document(ENDPOINTS)
    return document, render_page(document)
