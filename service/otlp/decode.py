"""From OTLP's metrics to points."""

from collections import Counter
from collections.abc import Iterable, Sized
from typing import Any

from google.protobuf.json_format import MessageToJson
from msgspec import Struct
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality as Temporality
from opentelemetry.proto.metrics.v1.metrics_pb2 import DataPointFlags

from service.http.bodies import check_items
from service.metrics.ingest.sample import UNIX_EPOCH
from service.metrics.mapping.point import Foreign, Form, Point, Points
from service.metrics.mapping.remembered import Remembered
from service.otlp.bodies import attributes_of
from service.otlp.histograms import QUANTILES, Buckets, Exports
from service.otlp.otlp_metrics_pb2 import Metric, Request
from sql.errors import Problem
from sql.messages import Message
from sql.scope import Scope

_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
# What a client says of itself tells no series apart.
_OF_THE_CLIENT = "telemetry."
_FORMS: dict[int, Form] = {
    Temporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    Temporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
}
Packed = tuple[bytes, ...]
_NO_TEMPORALITY = Message("A sum or histogram is either delta or cumulative")


class _Base(Struct, eq=False):
    """The tags that all points of a resource and scope share."""

    tags: dict[str, str]


Own = tuple[_Base, Packed]


class Decoder:
    """Makes points of requests; remembers series by how their attributes are packed, and
    cumulative histograms for their quantiles.
    """

    def __init__(self, exports: Exports) -> None:
        self.exports = exports
        self._bases: Remembered[tuple[object, ...], _Base] = Remembered()
        self._series: Remembered[tuple[object, ...], Foreign] = Remembered()

    def decode(self, request: Request, scope: Scope) -> Points:
        """The points of a request, and problems by the numbers of their metrics from 0.

        Raises:
            ApiError: 400 attributes are none, 413 there are too many points.
        """
        return _Request(self, scope).points(request)

    def base(self, packed: Packed, scope_name: str) -> _Base:
        """Of a resource with these attributes and a scope of that name."""
        key = (packed, scope_name)
        if (known := self._bases.get(key)) is None:
            tags = _tags(attributes_of(packed))
            if scope_name:
                tags["otel.scope.name"] = scope_name
            known = _Base(tags)
            self._bases.put(key, known, len(scope_name) + sum(map(len, packed)))
        return known

    def series(
        self, base: _Base, packed: Packed, name: str, form: Form, unit: str | None
    ) -> Foreign:
        """In the order of names; the attributes of a data point count where a resource has them,
        too.
        """
        key = (base, packed, name, form, unit)
        if (known := self._series.get(key)) is None:
            own = {one.key: _text(one.value) for one in attributes_of(packed)}
            known = Foreign(name, tuple(sorted((base.tags | own).items())), form, unit)
            self._series.put(key, known, known.characters + sum(map(len, packed)))
        return known


class _Request:
    """The work on one request."""

    def __init__(self, decoder: Decoder, scope: Scope) -> None:
        self._decoder = decoder
        self._scope = scope
        self._points: list[Point] = []
        self._places: list[int] = []
        self._problems: list[Problem] = []
        self._useless: Counter[str] = Counter()
        self._metrics = 0
        self._items = 0

    def points(self, request: Request) -> Points:
        self._count(request.resource_metrics)
        for resource in request.resource_metrics:
            packed = tuple(resource.resource.attributes)
            self._count(resource.scope_metrics)
            for scope in resource.scope_metrics:
                base = self._decoder.base(packed, scope.scope.name)
                self._count(scope.metrics)
                for metric in scope.metrics:
                    self._metric(metric, base)
                    self._metrics += 1
        return Points(self._points, self._problems, self._useless, self._places)

    def _metric(self, metric: Metric, base: _Base) -> None:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind) if kind else None
        if data is None:
            self._useless["empty"] += 1
            return
        form: Form = "gauge"
        if kind not in ("gauge", "summary"):
            found = _FORMS.get(data.aggregation_temporality)
            if found is None:
                self._problems.append(Problem(_NO_TEMPORALITY, index=self._metrics))
                return
            form = found
        if kind == "sum" and form == "cumulative" and not data.is_monotonic:
            form = "gauge"
        name, unit = metric.name, _unit(metric.unit)
        self._count(data.data_points)
        for point in data.data_points:
            if point.flags & _NO_VALUE:
                self._useless["stale"] += 1
                continue
            # What tells its series apart: resource and scope, and attributes of its own.
            own = (base, tuple(point.attributes))
            match kind:
                case "gauge" | "sum":
                    # The one that is not there is 0.
                    self._add(name, own, point.as_double or point.as_int, point, form, unit)
                case "summary":
                    self._summary(name, own, point, unit)
                case _:
                    self._histogram(name, own, point, form, unit)

    def _count(self, items: Sized) -> None:
        self._items += len(items)
        check_items(self._items)

    def _add(
        self, name: str, own: Own, value: float, point: Any, form: Form, unit: str | None
    ) -> None:
        started = None
        if form == "cumulative" and point.start_time_unix_nano:
            started = point.start_time_unix_nano // 1000 + UNIX_EPOCH
        ts = _instant(point)
        series = self._decoder.series(*own, name, form, unit)
        self._points.append(Point(series, float(value), ts, started))
        self._places.append(self._metrics)

    def _summary(self, name: str, own: Own, point: Any, unit: str | None) -> None:
        self._add(f"{name}_count", own, point.count, point, "cumulative", None)
        self._add(f"{name}_sum", own, point.sum, point, "cumulative", unit)
        self._count(point.quantile_values)
        for one in point.quantile_values:
            quantile = f"{name}_p{one.quantile * 100:g}"
            self._add(quantile, own, one.value, point, "gauge", unit)

    def _histogram(self, name: str, own: Own, point: Any, form: Form, unit: str | None) -> None:
        self._add(f"{name}_count", own, point.count, point, form, None)
        if point.HasField("sum"):
            self._add(f"{name}_sum", own, point.sum, point, form, unit)
        buckets: Buckets | None = _buckets(point)
        ts = _instant(point)
        if form == "cumulative" and buckets is not None:
            series = self._decoder.series(*own, name, form, unit)
            buckets = self._decoder.exports.news((self._scope, series), ts or 0, buckets)
        if buckets is None:
            return
        for word, rank in QUANTILES.items():
            value = buckets.quantile(rank)
            if value is not None:
                self._add(f"{name}_{word}", own, value, point, "gauge", unit)


def _instant(point: Any) -> int | None:
    return point.time_unix_nano // 1000 + UNIX_EPOCH if point.time_unix_nano else None


def _buckets(point: Any) -> Buckets | None:
    """Of a histogram with bounds; of an exponential one those that its scale makes."""
    if hasattr(point, "bucket_counts"):
        counts, bounds = list(point.bucket_counts), list(point.explicit_bounds)
        return Buckets(bounds, counts) if len(counts) == len(bounds) + 1 else None
    positive = point.positive
    if point.negative.bucket_counts or not -10 <= point.scale <= 20:
        return None
    try:
        base = 2.0 ** (2.0**-point.scale)
        first = positive.offset
        bounds = [base ** (first + n) for n in range(len(positive.bucket_counts) + 1)]
    except OverflowError:
        return None
    # Zeros are below the first bound, and nothing above the last.
    return Buckets(bounds, [point.zero_count, *positive.bucket_counts, 0])


def _tags(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {
        one.key: _text(one.value) for one in attributes if not one.key.startswith(_OF_THE_CLIENT)
    }


def _text(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return repr(value.double_value)
        case None:
            return ""
    return MessageToJson(value, indent=None)


def _unit(unit: str) -> str | None:
    """The unit as people write it: none for 1 and for remarks such as ``{orders}``."""
    return None if unit in ("", "1") or unit.startswith("{") else unit
