"""Every way in over HTTP: the same amounts, as each protocol writes them."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import httpx2
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from service.remote_write.remote_write_pb2 import Label, Sample, TimeSeries
from tests.acceptance.talk import BATCH, sample
from tests.acceptance.test_remote_write import packed

OTLP = "/v1/metrics"
# What protocols that tell no form or type need to know of the names that tests use.
MAPPING = "metrics:\n  - {match: metric_*, type: revenue, frequency: hourly, form: delta}\n"


class Amount(NamedTuple):
    """A value with its labels and tags; None is a tag that it does not have."""

    value: float
    service_name: str | None = None
    region: str | None = None
    method: str | None = None

    def tags(self) -> list[tuple[str, str]]:
        """In the order of their names."""
        named = self._asdict().items()
        return sorted((name, text) for name, text in named if isinstance(text, str))


Send = Callable[[httpx2.Client, str, Sequence[Amount]], httpx2.Response]


def as_json(client: httpx2.Client, metric: str, amounts: Sequence[Amount]) -> httpx2.Response:
    batch = [
        sample(
            metric,
            value=one.value,
            region=one.region,
            service_name=one.service_name,
            metadata={"method": one.method} if one.method else None,
        )
        for one in amounts
    ]
    return client.post(BATCH, json={"metrics": batch})


def as_lines(client: httpx2.Client, metric: str, amounts: Sequence[Amount]) -> httpx2.Response:
    return _lines(client, "/api/v2/write", metric, amounts)


def as_lines_of_1(client: httpx2.Client, metric: str, amounts: Sequence[Amount]) -> httpx2.Response:
    return _lines(client, "/write", metric, amounts)


def _lines(
    client: httpx2.Client, path: str, metric: str, amounts: Sequence[Amount]
) -> httpx2.Response:
    first = _first()
    lines = [
        ",".join([metric, *(f"{name}={text}" for name, text in one.tags())])
        + f" value={one.value} {first + place}"
        for place, one in enumerate(amounts)
    ]
    return client.post(path, params={"precision": "ms"}, content="\n".join(lines))


def as_remote_write(
    client: httpx2.Client, metric: str, amounts: Sequence[Amount]
) -> httpx2.Response:
    first = _first()
    all_series = [
        TimeSeries(
            labels=[
                Label(name=name, value=text).SerializeToString()
                for name, text in [("__name__", metric), *one.tags()]
            ],
            samples=[Sample(value=one.value, timestamp=first + place)],
        )
        for place, one in enumerate(amounts)
    ]
    return client.post("/api/v1/write", content=packed(*all_series))


def as_otlp_json(client: httpx2.Client, metric: str, amounts: Sequence[Amount]) -> httpx2.Response:
    return client.post(OTLP, json=_export(metric, amounts))


def as_otlp_protobuf(
    client: httpx2.Client, metric: str, amounts: Sequence[Amount]
) -> httpx2.Response:
    body = json.dumps(_export(metric, amounts))
    content = json_format.Parse(body, ExportMetricsServiceRequest()).SerializeToString()
    headers = {"Content-Type": "application/x-protobuf"}
    return client.post(OTLP, content=content, headers=headers)


def _export(metric: str, amounts: Sequence[Amount]) -> dict[str, Any]:
    first = _first()
    points = [
        {
            "asDouble": one.value,
            "timeUnixNano": str((first + place) * 1_000_000),
            "attributes": [
                {"key": name, "value": {"stringValue": text}} for name, text in one.tags()
            ],
        }
        for place, one in enumerate(amounts)
    ]
    data = {"dataPoints": points, "aggregationTemporality": 1, "isMonotonic": True}
    metrics = [{"name": metric, "sum": data}]
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}


def _first() -> int:
    """Milliseconds; amounts of one request are at different instants, or they would be one."""
    return int(time.time() * 1000) - 10_000


FOREIGN: dict[str, Send] = {
    "line protocol": as_lines,
    "line protocol of 1": as_lines_of_1,
    "remote write": as_remote_write,
    "OTLP JSON": as_otlp_json,
    "OTLP protobuf": as_otlp_protobuf,
}
WAYS: dict[str, Send] = {"JSON": as_json} | FOREIGN


def refusal(answer: httpx2.Response) -> str | None:
    """What a way's answer says was refused, in its own words; None where all was taken."""
    if not answer.is_success:
        return answer.text
    if answer.request.url.path != OTLP:
        return None
    if answer.headers["Content-Type"].startswith("application/json"):
        told = json_format.Parse(answer.content, ExportMetricsServiceResponse())
    else:
        told = ExportMetricsServiceResponse.FromString(answer.content)
    return told.partial_success.error_message or None
