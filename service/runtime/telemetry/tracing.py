"""Traces for OpenTelemetry, over OTLP/HTTP: a span for each request and each statement.

Nothing of it is imported unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Further settings, such as
`OTEL_SERVICE_NAME`, `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_TRACES_SAMPLER`, are the library's own.
"""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp

from service import __version__

NO_TRACES = (
    "No traces: OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
    "pip install -r requirements-otel.lock"
)
LAST_SPANS_SECONDS = 3
_NEEDED = (
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.instrumentation.asgi",
    "opentelemetry.instrumentation.psycopg",
)


def can_trace() -> bool:
    """Whether the packages of the extra `otel` are installed."""
    try:
        return all(find_spec(name) for name in _NEEDED)
    except ModuleNotFoundError:
        return False


class Tracing:
    """A span around each request, which belongs to the caller's trace if there is one, and a
    span within for each statement. Once for each process; spans are sent in the background.
    """

    def __init__(self) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        ours = Resource({"service.name": "fature-metrics", "service.version": __version__})
        resource = ours.merge(OTELResourceDetector().detect())
        self._exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        trace.set_tracer_provider(self._provider)
        PsycopgInstrumentor().instrument()

    def around(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> ASGIApp:
        """The app with a span for each request, named after the one of its `routes`."""
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

        def span_details(scope: dict[str, Any]) -> tuple[str, dict[str, Any]]:
            for route in routes:
                if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
                    return f"{scope['method']} {route.path}", {"http.route": route.path}
            return str(scope["method"]), {}

        return OpenTelemetryMiddleware(
            app, default_span_details=span_details, exclude_spans=["receive", "send"]
        )

    async def close(self) -> None:
        """Send the last spans; a collector that is away keeps the process a few seconds only."""
        sending = asyncio.create_task(asyncio.to_thread(self._provider.shutdown))
        _, late = await asyncio.wait([sending], timeout=LAST_SPANS_SECONDS)
        if late:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
            await sending
