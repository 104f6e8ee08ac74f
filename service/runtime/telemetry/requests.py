"""Requests by route, counted and timed."""

import time
from functools import cache

from prometheus_client import Counter, Gauge, Histogram
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter(
    "fature_http_requests_total",
    "Requests answered.",
    ["method", "route", "status"],
)
SECONDS = Histogram(
    "fature_http_request_seconds",
    "Time from a request's headers to the end of its answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
UNDER_WAY = Gauge(
    "fature_http_requests_under_way",
    "Requests that are being answered.",
    multiprocess_mode="livesum",
)
# Anything else a client makes up would be a time series of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts and times every request; all that were found nowhere are one route."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        UNDER_WAY.inc()
        try:
            await self.app(scope, receive, send_and_note)
        finally:
            UNDER_WAY.dec()
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = scope.get("route")
            path = route.path if isinstance(route, Route) else "unmatched"
            counter, histogram = _figures(method, path, status)
            counter.inc()
            histogram.observe(time.perf_counter() - started)


@cache
def _figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Looking them up by their labels costs more than counting."""
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)
