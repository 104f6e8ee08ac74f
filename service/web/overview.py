"""The overview: the business at a glance."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.auth import principal_of
from service.resources import resources_of
from service.web.languages import marked
from service.web.pages import Page
from service.web.rendering import render
from service.web.today import read_today


@dataclass(frozen=True, slots=True)
class Headline:
    """A metric that everybody looks at first. `good_up` where more of it is better."""

    metric_name: str
    title: str
    good_up: bool = True


HEADLINES = [
    Headline("revenue_hourly", marked("Revenue today")),
    Headline("commission_paid", marked("Commission paid today")),
    Headline("active_users", marked("Active users")),
    Headline("conversion_rate", marked("Conversion today")),
    Headline("api_response_time", marked("API response time today"), good_up=False),
]


async def show_overview(request: Request) -> Response:
    """Today's figures."""
    return render(request, "overview.html", await _context(request))


async def _context(request: Request) -> dict[str, Any]:
    resources, scope = resources_of(request), principal_of(request).scope
    now = datetime.now(UTC)
    figures = await asyncio.gather(
        *(read_today(resources, scope, one.metric_name, now) for one in HEADLINES)
    )
    return {"headlines": list(zip(HEADLINES, figures, strict=True))}


PAGES = [Page("GET", "/", show_overview)]
