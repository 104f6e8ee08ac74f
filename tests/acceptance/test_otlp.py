"""OTLP over HTTP, with OpenTelemetry's SDK and by hand."""

import base64
import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from service.otlp.otlp_status_pb2 import Status
from tests.acceptance.access import ok, with_new_key
from tests.conftest import ADMIN_KEY, DatabaseServer, Service, free_port, running_service

pytestmark = pytest.mark.one_engine

PATH = "/v1/metrics"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
# Nanoseconds, a while ago, so that none is too new.
FIRST = int((datetime.now(UTC) - timedelta(hours=1)).timestamp()) * 10**9
SECOND = 10**9


@pytest.fixture(scope="module")
def collector(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("otlp")
    with running_service(folder, database_of.new_database(), FATURE_ALERT_INTERVAL="0") as service:
        yield service


@pytest.fixture
def client(collector: Service) -> httpx2.Client:
    return collector.client


def attributes(**given_attributes: str) -> list[dict[str, Any]]:
    return [
        {"key": key.replace("_", "."), "value": {"stringValue": value}}
        for key, value in given_attributes.items()
    ]


def point(value: float, second: int, *, started: int | None = None, **more: Any) -> dict[str, Any]:
    start = {} if started is None else {"startTimeUnixNano": str(FIRST + started * SECOND)}
    return {"asDouble": value, "timeUnixNano": str(FIRST + second * SECOND)} | start | more


def request(name: str, kind: str, points: list[dict[str, Any]], **of_kind: Any) -> dict[str, Any]:
    metric = {"name": name, "unit": "BRL", kind: {"dataPoints": points} | of_kind}
    resource = {"attributes": attributes(service_name="shop", telemetry_sdk_name="x")}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}


def send(client: httpx2.Client, content: dict[str, Any]) -> httpx2.Response:
    return client.post(PATH, json=content)


def values(client: httpx2.Client, metric: str) -> list[float]:
    """Of the samples, in the order of their instants."""
    answer = client.get("/api/metrics/query", params={"metric_name": metric, "order": "asc"})
    return [one["value"] for one in ok(answer)]


def entry(client: httpx2.Client, metric: str) -> dict[str, Any]:
    listed = ok(client.get("/api/metrics/catalog"))
    (found,) = [one for one in listed if one["metric_name"] == metric]
    return dict(found)


def test_sums_become_flows(client: httpx2.Client, metric: str) -> None:
    # One that began long ago, then anew, and higher at once.
    cumulative = [
        point(100, 0, started=-86400),
        point(149.9, 10, started=-86400),
        point(200, 30, started=20),
        point(201, 40, started=20),
    ]
    for name, points, temporality, expected in (
        (f"revenue_{metric}_c", cumulative, 2, [49.9, 200.0, 1.0]),
        (f"revenue_{metric}_d", [point(1.5, 0), point(1.5, 10)], 1, [1.5, 1.5]),
        # It began just before: all of it counts.
        (f"revenue_{metric}_n", [point(3, 10, started=5)], 2, [3.0]),
    ):
        body = request(name, "sum", points, aggregationTemporality=temporality, isMonotonic=True)
        for _ in range(2):
            answer = send(client, body)
            assert (answer.status_code, answer.json()) == (200, {})
        assert values(client, name) == expected
        assert (entry(client, name)["kind"], entry(client, name)["unit"]) == ("flow", "BRL")
    found = ok(client.get("/api/metrics/query", params={"metric_name": f"revenue_{metric}_n"}))
    assert (found[0]["service_name"], found[0]["metadata"]) == ("shop", None)


def test_gauges_and_what_goes_up_and_down_become_stocks(client: httpx2.Client, metric: str) -> None:
    for name, kind, more in (
        (f"revenue_{metric}_g", "gauge", {}),
        (f"revenue_{metric}_u", "sum", {"aggregationTemporality": 2}),
    ):
        body = request(name, kind, [point(5, 0), point(3, 10), point(3, 20, flags=1)], **more)
        assert send(client, body).json() == {}
        assert values(client, name) == [5.0, 3.0]
        assert entry(client, name)["kind"] == "stock"


def histogram(second: int, counts: list[int], total: float) -> dict[str, Any]:
    return {
        "timeUnixNano": str(FIRST + second * SECOND),
        "count": str(sum(counts)),
        "sum": total,
        "bucketCounts": [str(count) for count in counts],
        "explicitBounds": [10.0, 20.0, 40.0],
    }


def test_histograms_become_count_sum_and_quantiles(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    points = [histogram(0, [10, 0, 0, 0], 50.0), histogram(10, [10, 10, 10, 0], 500.0)]
    for form, temporality in (("c", 2), ("d", 1)):
        body = request(f"{name}_{form}", "histogram", points, aggregationTemporality=temporality)
        for _ in range(2):
            assert send(client, body).json() == {}
    assert values(client, f"{name}_c_count") == [20.0]
    assert values(client, f"{name}_c_sum") == [450.0]
    # Of what came since the export before.
    assert values(client, f"{name}_c_p50") == [20.0]
    assert values(client, f"{name}_d_count") == [10.0, 30.0]
    assert values(client, f"{name}_d_p50") == [5.0, 15.0]
    assert values(client, f"{name}_d_p99")[1] == pytest.approx(39.4)


def test_an_exponential_histogram(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    one = {
        "timeUnixNano": str(FIRST),
        "count": "4",
        "sum": 24.0,
        "scale": 0,
        "positive": {"offset": 2, "bucketCounts": ["4"]},
    }
    body = request(name, "exponentialHistogram", [one], aggregationTemporality=1)
    assert send(client, body).json() == {}
    assert values(client, f"{name}_sum") == [24.0]
    # Between 4 and 8.
    assert values(client, f"{name}_p50") == [6.0]


def test_what_is_refused_is_counted_and_the_rest_stored(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    points = [point(1, 0), point(2, -(10**7)), point(3, 10)]
    body = request(name, "sum", points, aggregationTemporality=1)
    answer = send(client, body).json()["partialSuccess"]
    assert answer["rejectedDataPoints"] == "1"
    assert "Too old" in answer["errorMessage"]
    assert values(client, name) == [1.0, 3.0]
    packed = ExportMetricsServiceResponse.FromString(
        client.post(PATH, content=protobuf(body), headers=PROTOBUF).content
    )
    assert packed.partial_success.rejected_data_points == 1
    unspecified = request(name, "sum", points)
    assert send(client, unspecified).json()["partialSuccess"]["rejectedDataPoints"] == "1"


def test_points_that_are_none_leave_the_others(client: httpx2.Client, metric: str) -> None:
    name = f"revenue_{metric}"
    many = attributes(**{f"t{number}": "v" for number in range(10_000)})
    twice = attributes(till="1") + attributes(till="2")
    points = [
        point(1, 0),
        point(2, 10) | {"asDouble": "NaN"},
        point(3, 20) | {"asDouble": "Infinity"},
        point(4, 30, attributes=many),
        # In milliseconds, where nanoseconds are due.
        point(5, 40) | {"timeUnixNano": str(FIRST // 1_000_000)},
        point(6, 50, exemplars=[{"asDouble": 7.0, "timeUnixNano": str(FIRST)}]),
        point(8, 60, attributes=twice),
    ]
    body = request(name, "sum", points, aggregationTemporality=1)
    assert send(client, body).json()["partialSuccess"]["rejectedDataPoints"] == "2"
    assert values(client, name) == [1.0, 6.0, 8.0]
    packed = client.post(PATH, content=protobuf(body), headers=PROTOBUF).content
    told = ExportMetricsServiceResponse.FromString(packed).partial_success
    assert told.rejected_data_points == 2
    assert values(client, name) == [1.0, 6.0, 8.0]
    rows = ok(client.get("/api/metrics/query", params={"metric_name": name, "limit": 1}))
    # Of a tag that is there twice the last counts.
    assert rows[0]["metadata"]["till"] == "2"


def protobuf(body: dict[str, Any]) -> bytes:
    message = ExportMetricsServiceRequest()
    return json_format.Parse(json.dumps(body), message).SerializeToString()


def bombs() -> Iterator[bytes]:
    """Small bodies with many parts, which are empty."""
    many = 300_000
    yield ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics()] * many
    ).SerializeToString()
    quantile, number = SummaryDataPoint.ValueAtQuantile(), NumberDataPoint()
    number_with_attributes = NumberDataPoint(attributes=[KeyValue()] * many)
    for metric in (
        Metric(gauge=Gauge(data_points=[number] * many)),
        Metric(gauge=Gauge(data_points=[number_with_attributes])),
        Metric(summary=Summary(data_points=[SummaryDataPoint(quantile_values=[quantile] * many)])),
    ):
        resource = ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])
        yield ExportMetricsServiceRequest(resource_metrics=[resource]).SerializeToString()


def test_bodies_that_are_none(client: httpx2.Client) -> None:
    good = protobuf(request("revenue_x", "gauge", [point(1, 0)]))
    for content, headers, status in (
        (good, {}, 200),
        (gzip.compress(good), {"Content-Encoding": "gzip"}, 200),
        (b"", {}, 200),
        (good[:-3], {}, 400),
        (b"no protobuf", {}, 400),
        (gzip.compress(good)[:-5], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(bytes(5 * 1024 * 1024)), {"Content-Encoding": "gzip"}, 413),
        (b"x" * 5 * 1024 * 1024, {}, 413),
        (good, {"Content-Encoding": "zstd"}, 415),
        (good, {"Content-Type": "text/plain"}, 415),
    ):
        answer = client.post(PATH, content=content, headers=PROTOBUF | headers)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/x-protobuf"
        if status >= 400:
            assert Status.FromString(answer.content).message
    for content in bombs():
        answer = client.post(PATH, content=content, headers=PROTOBUF)
        assert answer.status_code == 413
        assert "send them in several" in Status.FromString(answer.content).message
    objects = b'{"resourceMetrics": [' + b",".join([b"{}"] * 300_000) + b"]}"
    answer = client.post(PATH, content=objects, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    # Attributes that are none, in a body that is one otherwise.
    marked = protobuf(
        request("revenue_x", "gauge", [point(1, 0, attributes=attributes(till="abcd"))])
    )
    for content in (marked.replace(b"abcd", b"ab\xff\xfe"), marked.replace(b"till", b"ti\xffl")):
        answer = client.post(PATH, content=content, headers=PROTOBUF)
        assert answer.status_code == 400, answer.content
    as_json = {"Content-Type": "application/json"}
    nested = b'{"resourceMetrics":' * 2000
    for content in (b"{", b"[]", b'{"resourceMetrics": 5}', b"\xff", nested):
        answer = client.post(PATH, content=content, headers=as_json)
        assert answer.status_code == 400
        assert answer.json()["message"]
    newer = {"resourceMetrics": [], "fromTheFuture": 1}
    assert send(client, newer).status_code == 200


def test_a_key_of_one_service_writes_its_own(client: httpx2.Client, metric: str) -> None:
    body = request(f"revenue_{metric}", "gauge", [point(1, 0)])
    with with_new_key(client, "writer", service_name="shop") as bound:
        assert send(bound, body).status_code == 200
    with with_new_key(client, "writer", service_name="other") as bound:
        refused = send(bound, body)
        assert (refused.status_code, refused.json()["code"]) == (403, 7)


def test_a_body_can_be_tried(client: httpx2.Client, metric: str) -> None:
    body = request(f"revenue_{metric}", "gauge", [point(1, 0)])
    for text in (json.dumps(body), base64.b64encode(protobuf(body)).decode()):
        test = {"protocol": "otlp", "body": text}
        (found,) = ok(client.post("/api/mappings/test", json=test))["points"]
        assert found["becomes"]["service_name"] == "shop"


VALUE = st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1))
WILD = st.recursive(
    st.one_of(VALUE, st.text(max_size=5), st.none(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    *("resourceMetrics", "scopeMetrics", "metrics", "name", "sum", "gauge"),
                    *("histogram", "exponentialHistogram", "summary", "dataPoints", "asInt"),
                    *("asDouble", "timeUnixNano", "attributes", "key", "value", "scale"),
                    *("bucketCounts", "explicitBounds", "count", "aggregationTemporality"),
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=15,
)
DATA_POINT = st.fixed_dictionaries(
    {},
    optional={
        "asDouble": st.sampled_from([1.0, "NaN", "Infinity", -0.0, 1e308]),
        "timeUnixNano": st.sampled_from(["0", "1", str(FIRST), str(2**64 - 1)]),
        "startTimeUnixNano": st.sampled_from(["0", "1", str(FIRST), str(2**64 - 1)]),
        "count": st.sampled_from(["0", "1", str(2**64 - 1)]),
        "sum": st.sampled_from([1.0, "NaN", "-Infinity"]),
        "bucketCounts": st.lists(st.sampled_from(["0", "1", str(2**64 - 1)]), max_size=3),
        "explicitBounds": st.lists(st.sampled_from([1.0, -1.0, "NaN", "Infinity"]), max_size=3),
        "scale": st.sampled_from([0, -10, 20, 2**31 - 1, -(2**31)]),
        "positive": st.fixed_dictionaries(
            {"offset": st.sampled_from([0, 2**31 - 1, -(2**31)]), "bucketCounts": st.just(["3"])}
        ),
        "quantileValues": st.just([{"quantile": 0.5, "value": "NaN"}]),
    },
)
KINDS = ["sum", "gauge", "histogram", "exponentialHistogram", "summary"]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(
        st.builds(
            lambda kind, points, form: request(
                "revenue_wild", kind, points, **({} if form is None else form)
            ),
            st.sampled_from(KINDS),
            st.lists(DATA_POINT, max_size=3),
            st.sampled_from([None, {"aggregationTemporality": 1}, {"aggregationTemporality": 2}]),
        ),
        WILD,
    )
)
def test_whatever_comes_is_answered(client: httpx2.Client, body: Any) -> None:
    answer = client.post(
        PATH, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (200, 400), answer.text


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=50), st.integers(0, 200))
def test_whatever_bytes_come_are_answered(client: httpx2.Client, tail: bytes, cut: int) -> None:
    good = protobuf(request("revenue_wild", "gauge", [point(1, 0)]))
    answer = client.post(PATH, content=good[:cut] + tail, headers=PROTOBUF)
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_the_sdk_through_a_restart(
    database_of: DatabaseServer, tmp_path: Path, metric: str, temporality: str
) -> None:
    """Its exporter sends again what was not taken; every order counts once."""
    url, port, name = database_of.new_database(), free_port(), f"revenue_{metric}"
    preferred: dict[type, AggregationTemporality] = (
        {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
        if temporality == "delta"
        else {}
    )
    exporter = OTLPMetricExporter(
        endpoint=f"http://127.0.0.1:{port}{PATH}",
        headers={"Authorization": f"Bearer {ADMIN_KEY}"},
        timeout=20,
        preferred_temporality=preferred,
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=200)
    provider = MeterProvider([reader], Resource({"service.name": "shop"}), shutdown_on_exit=False)
    meter = provider.get_meter("shop")
    counter = meter.create_counter(name, unit="BRL")
    orders = meter.create_histogram(f"{name}_order", unit="BRL")

    def sell(times: int) -> float:
        for n in range(times):
            counter.add(n + 0.25, {"region": "SP" if n % 2 else "RJ"})
            orders.record(n + 0.25)
            time.sleep(0.01)
        return sum(n + 0.25 for n in range(times))

    with running_service(tmp_path / "one", url, port=port, FATURE_ALERT_INTERVAL="0"):
        total = sell(60)
    total += sell(60)
    with running_service(tmp_path / "two", url, port=port, FATURE_ALERT_INTERVAL="0"):
        total += sell(60)
        provider.shutdown()
        with psycopg.connect(url) as conn:
            rows = conn.execute(
                "SELECT metric_name, sum(value) FROM analytics.metrics GROUP BY 1"
            ).fetchall()
    sums: dict[str, float] = dict(rows)
    assert sums[name] == pytest.approx(total, abs=1e-6)
    assert sums[f"{name}_order_sum"] == pytest.approx(total, abs=1e-6)
    assert sums[f"{name}_order_count"] == 180
