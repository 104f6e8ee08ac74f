"""Traces, as a collector of OpenTelemetry receives them over OTLP/HTTP."""

import gzip
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sql.engine import Engine
from tests.acceptance.talk import accepted, sample
from tests.clients import http_client
from tests.conftest import ROOT, DatabaseServer, free_port, running_service
from tests.killable import until

SERVER = Span.SpanKind.SPAN_KIND_SERVER
CLIENT = Span.SpanKind.SPAN_KIND_CLIENT


class Collector:
    """Arrived spans, and the service names of their resources."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.port = free_port()

    def take(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            for attribute in group.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in group.scope_spans:
                self.spans += scope.spans

    def of(self, trace_id: str, kind: int) -> list[Span]:
        return [s for s in self.spans if s.trace_id.hex() == trace_id and s.kind == kind]


@contextmanager
def running_collector() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", collector.port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def database(servers: Callable[[Engine], DatabaseServer]) -> str:
    """Of either engine: spans are the same."""
    return servers("plain").new_database()


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


def test_a_request_is_a_span_of_its_callers_trace_with_its_statements(
    database: str, metric: str, tmp_path: Path
) -> None:
    trace_id, caller = secrets.token_hex(16), secrets.token_hex(8)
    with (
        running_collector() as collector,
        running_service(
            tmp_path,
            database,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
            OTEL_BSP_SCHEDULE_DELAY="100",
        ) as service,
    ):
        traceparent = {"traceparent": f"00-{trace_id}-{caller}-01"}
        body = sample(metric)
        answer = service.client.post("/api/metrics", json=body, headers=traceparent)
        accepted(answer)
        assert answer.headers["X-Request-ID"] == trace_id
        query = {"metric_name": metric}
        service.client.get("/api/metrics/aggregate", params=query, headers=traceparent)
        until(lambda: len(collector.of(trace_id, SERVER)) == 2)
        until(lambda: bool(collector.of(trace_id, CLIENT)))
        # Whatever stands between still learns the route.
        assert 'route="/api/metrics/aggregate"' in service.client.get("/metrics").text
    assert collector.services == {"fature-metrics"}
    by_name = {span.name: span for span in collector.of(trace_id, SERVER)}
    assert by_name.keys() == {"POST /api/metrics", "GET /api/metrics/aggregate"}
    posted, read = by_name["POST /api/metrics"], by_name["GET /api/metrics/aggregate"]
    assert posted.parent_span_id.hex() == caller
    assert attributes(posted)["http.route"] == "/api/metrics"
    assert attributes(read)["http.route"] == "/api/metrics/aggregate"
    statements = [s for s in collector.of(trace_id, CLIENT) if s.parent_span_id == read.span_id]
    assert any("rollup_" in attributes(statement)["db.statement"] for statement in statements)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_last_spans_are_sent_before_the_end(
    database: str, metric: str, tmp_path: Path, workers: str
) -> None:
    trace_id = secrets.token_hex(16)
    with (
        running_collector() as collector,
        running_service(
            tmp_path,
            database,
            FATURE_WORKERS=workers,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
            OTEL_BSP_SCHEDULE_DELAY="600000",
        ) as service,
    ):
        traceparent = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
        accepted(service.client.post("/api/metrics", json=sample(metric), headers=traceparent))
        assert collector.spans == []
        assert service.stop() == 0
        assert len(collector.of(trace_id, SERVER)) == 1


def test_without_the_setting_nothing_is_imported() -> None:
    """But the messages of OTLP, which are also those of metrics that come in."""
    code = (
        "import sys, service.app, service.runtime.lifespan\n"
        "print(*(name for name in sys.modules if name.startswith('opentelemetry.')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = {name.split(".")[1] for name in ended.stdout.split()}
    assert imported <= {"proto"}


def test_missing_packages_are_told_at_the_start(database: str, tmp_path: Path) -> None:
    """A module of that name that is no package stands for one that is not installed."""
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "exporter.py").write_text("")
    with running_service(
        tmp_path / "data",
        database,
        PYTHONPATH=str(tmp_path),
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    ) as service:
        assert "No traces: OTEL_EXPORTER_OTLP_ENDPOINT is set" in service.log.read_text()
        with http_client(service.url) as client:
            assert client.get("/api/health").status_code == 200
