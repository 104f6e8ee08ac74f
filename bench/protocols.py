"""How fast points of other protocols come in, beside batches of the same samples as JSON."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median

import cramjam
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from bench.figures import Figures, Taken
from bench.requests import Item, post, posts, samples
from bench.scale import Kit
from bench.stack import Service
from bench.traffic import Plan
from service.remote_write.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest

SIZE = 1000
_CONNECTIONS = 16
# Different ones, as what comes again is not stored: more than are sent in the time.
_MOST_PER_SECOND = 200_000
_SECOND = 1_000_000_000
# Requests that name the same instants would not be stored, either.
_BEGINNING = timedelta(hours=2)

Body = Callable[[list[Item], int], bytes]


def measure_protocols(figures: Figures, kit: Kit, service: Service) -> None:
    """Each protocol after batches of JSON, in turns; the median of each counts."""
    seconds = kit.scale.ingest_seconds
    count = int(_MOST_PER_SECOND * (seconds + 1)) // SIZE
    start = int((datetime.now(UTC) - _BEGINNING).timestamp()) * _SECOND
    turns = []
    for _ in range(kit.scale.turns):
        turn = []
        for name, (path, headers, body) in PROTOCOLS.items():
            requests = list(_requests(path, headers, body, count, start))
            start += count * _SECOND
            reference = _rate(kit, service, posts(datetime.now(UTC), SIZE, 50))
            before = service.cpu_seconds()
            per_second = _rate(kit, service, requests)
            cpu = (service.cpu_seconds() - before) / (per_second * seconds) * 1e6
            kit.tell(f"{name}: {per_second:,.0f}/s, {per_second / reference:.2f} of JSON")
            turn.append(Taken(name, per_second, per_second / reference, cpu))
        turns.append(turn)
    figures.taken = [
        Taken(
            those[0].protocol,
            median(one.per_second for one in those),
            median(one.ratio for one in those),
            median(one.cpu for one in those),
        )
        for those in zip(*turns, strict=True)
    ]


def _rate(kit: Kit, service: Service, requests: list[bytes]) -> float:
    seconds = kit.scale.ingest_seconds
    outcome = kit.drive(Plan(service.port, requests, _CONNECTIONS, seconds, warm_up=0.5))
    outcome.check()
    return outcome.per_second * SIZE


def _requests(path: str, headers: str, body: Body, count: int, start: int) -> Iterator[bytes]:
    """Each of another second, within which every series has its samples one after the other."""
    source = samples(datetime.now(UTC))
    for number in range(count):
        items = list(islice(source, SIZE))
        yield post(path, headers, body(items, start + number * _SECOND))


def lines(items: list[Item], start: int) -> bytes:
    """Line protocol, instants a microsecond apart from `start` in nanoseconds."""
    return "\n".join(
        f"{_name(one)},service_name={one['service_name']},region={one['region']} "
        f"value={one['value']} {start + place * 1000}"
        for place, one in enumerate(items)
    ).encode()


def remote_write(items: list[Item], start: int) -> bytes:
    """Counters that rise with every second, a series each."""
    series: dict[tuple[object, ...], TimeSeries] = {}
    for place, one in enumerate(items):
        key = (_name(one), one["service_name"], one["region"])
        if key not in series:
            labels = zip(("__name__", "service_name", "region"), key, strict=True)
            ordered = sorted((name, str(text)) for name, text in labels)
            series[key] = TimeSeries(
                labels=[Label(name=name, value=text).SerializeToString() for name, text in ordered]
            )
        stamp = start // 1_000_000 + place // 200
        series[key].samples.append(Sample(value=stamp % 10**9 + place, timestamp=stamp))
    request = WriteRequest(timeseries=[one.SerializeToString() for one in series.values()])
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def otlp(items: list[Item], start: int) -> bytes:
    """Delta sums, a metric of each name, a data point of each sample."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    metrics = {}
    for place, one in enumerate(items):
        name = _name(one)
        if name not in metrics:
            metrics[name] = scope.metrics.add(name=name)
            temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
            metrics[name].sum.aggregation_temporality = temporality
            metrics[name].sum.is_monotonic = True
        point = metrics[name].sum.data_points.add()
        point.as_double = float(str(one["value"]))
        point.time_unix_nano = start + place * 1000
        for key in ("service_name", "region"):
            attribute = point.attributes.add(key=key)
            attribute.value.string_value = str(one[key])
    return request.SerializeToString()


def _name(item: Item) -> str:
    """One that tells its type and is a counter to Prometheus."""
    return f"revenue_{item['metric_name']}_total"


_PROTOBUF = "Content-Type: application/x-protobuf\r\n"
PROTOCOLS: dict[str, tuple[str, str, Body]] = {
    "line protocol": ("/api/v2/write", "Content-Type: text/plain\r\n", lines),
    "remote write": ("/api/v1/write", f"{_PROTOBUF}Content-Encoding: snappy\r\n", remote_write),
    "OTLP": ("/v1/metrics", _PROTOBUF, otlp),
}
