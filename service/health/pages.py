"""Services: health now, history, availability."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from service.health import history
from service.health.history import Range
from service.http.authentication import principal_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.charts import Chart, Line
from service.web.page import Page
from service.web.rendering import render
from service.web.session import reader_of
from sql.database import Connections
from sql.errors import NotFound
from sql.messages import Message
from sql.scope import Scope

_REPORTS = 50


@dataclass(frozen=True, slots=True)
class Span:
    """A range to look back at, in stretches of `width`; `period` is how charts write times."""

    name: str
    title: str
    length: timedelta
    width: timedelta
    period: str

    def before(self, now: datetime) -> datetime:
        """The end of the stretch that `now` is in: whole stretches do not move with time."""
        return datetime.fromtimestamp(
            -(-now.timestamp() // self.width.total_seconds()) * self.width.total_seconds(), UTC
        )


SPANS = {
    span.name: span
    for span in (
        Span("day", N_("24 hours"), timedelta(days=1), timedelta(minutes=30), "minute"),
        Span("week", N_("7 days"), timedelta(days=7), timedelta(hours=3), "hour"),
        Span("month", N_("30 days"), timedelta(days=30), timedelta(hours=12), "hour"),
    )
}
STATUS_NAMES = {
    "healthy": N_("Healthy"),
    "degraded": N_("Degraded"),
    "unhealthy": N_("Unhealthy"),
    "stale": N_("Silent"),
}
TONES = {"healthy": "good", "degraded": "fair", "unhealthy": "bad", "stale": "bad"}


async def show_services(request: Request) -> Response:
    """Every service: its newest report, the last 24 hours, availability."""
    span = _span(request)
    services = await read_services(resources_of(request).reads, principal_of(request).scope, span)
    return render(request, "health/list.html", {**_words(span), "services": services})


async def show_service(request: Request) -> Response:
    """One service over time."""
    reads, scope = resources_of(request).reads, principal_of(request).scope
    name, span = request.path_params["service_name"], _span(request)
    services = await read_services(reads, scope, span, only=name)
    if not services:
        raise NotFound(Message("There is no service {name}", {"name": name}))
    now = datetime.now(UTC)
    within = _range(scope, name, span, now)
    figures = await history.figures(reads, within, span.width)
    rows = await history.reports(reads, within, _cursor(request), _REPORTS)
    page = rows[:_REPORTS]
    older = None
    if len(rows) > len(page):
        cursor = quote(page[-1]["timestamp"].astimezone(UTC).isoformat())
        older = f"?span={span.name}&cursor={cursor}#reports"
    context = {
        **_words(span),
        "service": services[0],
        "charts": _charts(request, figures, span),
        "reports": page,
        "older": older,
    }
    return render(request, "health/service.html", context)


async def read_services(
    reads: Connections, scope: Scope, span: Span, *, only: str | None = None
) -> list[dict[str, Any]]:
    """The services in scope, or one of them, with `segments` and `availability` of the span, the
    share of it that is `unknown`, and its `state`: a status, or stale.
    """
    now = datetime.now(UTC)
    rows = await history.latest(reads, scope, now)
    if only is not None:
        rows = [row for row in rows if row["service_name"] == only]
    within = _range(scope, only or scope.service_name, span, now)
    courses = await history.courses(reads, within, span.width)
    return [
        {
            **row,
            "state": "stale" if row["stale"] else row["status"],
            "href": _address(row["service_name"]),
            "segments": course.segments,
            "availability": course.availability,
            "unknown": course.unknown(min(within.before, now)),
        }
        for row in rows
        for course in [courses.get(row["service_name"], history.SILENT)]
    ]


def _address(name: str) -> str:
    """Of the page of a service; none where browsers would take its name for a step in the path,
    however it is quoted.
    """
    return "" if name in (".", "..") else f"/services/{quote(name, safe='')}"


def _range(scope: Scope, name: str | None, span: Span, now: datetime) -> Range:
    before = span.before(now)
    return Range(scope.tenant, name, before - span.length, before)


def _span(request: Request) -> Span:
    return SPANS.get(request.query_params.get("span", ""), SPANS["day"])


def _cursor(request: Request) -> datetime | None:
    given = request.query_params.get("cursor")
    try:
        cursor = datetime.fromisoformat(given) if given else None
    except ValueError:
        cursor = None
    return cursor if cursor and cursor.tzinfo else None


def _words(span: Span) -> dict[str, Any]:
    return {"span": span, "spans": SPANS, "status_names": STATUS_NAMES, "tones": TONES}


def _charts(request: Request, figures: list[dict[str, Any]], span: Span) -> list[dict[str, Any]]:
    """Response time; error rate, CPU and memory. Only what was ever reported."""
    gettext = reader_of(request).gettext
    times = [row["start"] for row in figures]
    wanted = [
        (gettext("Response time"), "ms", 1, {"response_time_ms": gettext("Response time")}),
        (
            gettext("Load and errors"),
            "%",
            100,
            {
                "cpu_usage": gettext("CPU"),
                "memory_usage": gettext("Memory"),
                "error_rate": gettext("Errors"),
            },
        ),
    ]
    charts = []
    for title, unit, factor, columns in wanted:
        lines = [
            Line(label, [None if row[column] is None else row[column] * factor for row in figures])
            for column, label in columns.items()
            if any(row[column] is not None for row in figures)
        ]
        if lines:
            chart = Chart(times=times, lines=lines, unit=unit, period=span.period)
            charts.append({"title": title, "spec": chart.spec})
    return charts


PAGES = [
    Page("GET", "/services", show_services, scope="metrics:read"),
    Page("GET", "/services/{service_name:path}", show_service, scope="metrics:read"),
]
