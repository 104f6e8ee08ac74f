"""The overview: the business at a glance, live."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from alerts import events
from service.dashboards.television import rotating
from service.health.pages import SPANS, STATUS_NAMES, TONES, read_services
from service.http.authentication import principal_of
from service.language.translations import N_
from service.metrics.query.single_flight import SingleFlight
from service.overview.morning import read_morning
from service.overview.today import Today, read_today
from service.runtime.resources import Resources, resources_of
from service.web.live import stream
from service.web.page import Page
from service.web.rendering import redirect, render, render_text
from service.web.words import SEVERITIES, STATUSES
from sql.scope import Scope

# How old the figures on an open page may be, in seconds: they are read once for all who look.
FRESH_SECONDS = 5.0
_MOST_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Headline:
    """A metric that everybody looks at first. `good_up` where more of it is better."""

    metric_name: str
    title: str
    good_up: bool = True


HEADLINES = [
    Headline("revenue_hourly", N_("Revenue today")),
    Headline("commission_paid", N_("Commission paid today")),
    Headline("active_users", N_("Active users")),
    Headline("conversion_rate", N_("Conversion today")),
    Headline("api_response_time", N_("API response time today"), good_up=False),
]
_pictures: SingleFlight["Picture"] = SingleFlight(max_age=FRESH_SECONDS)


@dataclass(frozen=True, slots=True)
class Picture:
    """The content of a scope's overview at one time; `alerts` are open or acknowledged."""

    at: datetime
    figures: list[Today]
    alerts: list[DictRow]
    services: list[dict[str, Any]]


async def show_overview(request: Request) -> Response:
    """Today's figures, what is wrong, and the services. Who reads nothing, such as a writer, goes
    on to their account: it is where every sign-in leads.
    """
    if not principal_of(request).may("metrics:read"):
        return redirect(request, "/account")
    context = await _context(request) | {"tv": await rotating(request)}
    return render(request, "overview/overview.html", context)


async def show_morning(request: Request) -> Response:
    """How yesterday went and what is unusual, which the overview shows once it is known."""
    resources, scope = resources_of(request), principal_of(request).scope
    names = [headline.metric_name for headline in HEADLINES]
    morning = await read_morning(resources, scope, names)
    return render(request, "overview/morning.html", {"morning": morning})


async def stream_overview(request: Request) -> Response:
    """The same again whenever it looks otherwise."""

    async def parts() -> AsyncIterator[str]:
        while True:
            yield render_text(request, "overview/live.html", await _context(request))

    return stream(request, parts(), every=FRESH_SECONDS)


async def read_picture(resources: Resources, scope: Scope) -> Picture:
    """The picture of a scope, at most `FRESH_SECONDS` old."""
    return await _pictures.get(
        (scope.tenant, scope.service_name), "", lambda: _picture(resources, scope)
    )


async def _picture(resources: Resources, scope: Scope) -> Picture:
    now = datetime.now(UTC)
    names = [headline.metric_name for headline in HEADLINES]
    metrics = await resources.catalog.entries(scope, names)
    alerts, services, *figures = await asyncio.gather(
        _unresolved(resources, scope),
        read_services(resources.reads, scope, SPANS["day"]),
        *(read_today(resources, scope, metrics[name], now) for name in names),
    )
    return Picture(at=now, figures=figures, alerts=alerts, services=services)


async def _unresolved(resources: Resources, scope: Scope) -> list[DictRow]:
    """Open ones first, each newest first."""
    found: list[DictRow] = []
    for status in events.UNRESOLVED:
        filters = events.Filters(status)
        found += await events.list_events(resources.read_pool, scope, filters, _MOST_EVENTS)
    return found[:_MOST_EVENTS]


async def _context(request: Request) -> dict[str, Any]:
    principal = principal_of(request)
    picture = await read_picture(resources_of(request), principal.scope)
    return {
        "at": picture.at,
        "headlines": list(zip(HEADLINES, picture.figures, strict=True)),
        "alerts": picture.alerts if principal.may("alerts:read") else None,
        "services": picture.services,
        "severities": SEVERITIES,
        "alert_statuses": STATUSES,
        "status_names": STATUS_NAMES,
        "tones": TONES,
    }


PAGES = [
    Page("GET", "/", show_overview),
    Page("GET", "/morning", show_morning, scope="metrics:read"),
    Page("GET", "/live", stream_overview, scope="metrics:read"),
]
