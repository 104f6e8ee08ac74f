"""From Prometheus' remote write 1.0 to points."""

import struct
from collections import Counter

from google.protobuf.message import DecodeError

from service.http.bodies import check_items
from service.http.errors import ApiError, too_large
from service.metrics.ingest.sample import FARTHEST, UNIX_EPOCH
from service.metrics.mapping.point import Foreign, Form, Point, Points
from service.metrics.mapping.remembered import Remembered
from service.remote_write.remote_write_pb2 import Label, TimeSeries, WriteRequest
from sql.errors import Problem
from sql.messages import Message

MAX_UNPACKED = 8 * 1024 * 1024
MAX_SERIES = 50_000
MAX_SERIES_BYTES = 1024 * 1024

_MILLISECOND = 1000
_NAME = "__name__"
# What the names of counters, and of the counters in histograms and summaries, end in.
_CUMULATIVE = ("_total", "_count", "_sum", "_bucket")
# The NaN that says that a series has no samples any more.
_STALE = struct.pack("<Q", 0x7FF0000000000002)
_MALFORMED = "The body is no WriteRequest of Prometheus' remote write 1.0"

Labels = Foreign | Message
_known: Remembered[tuple[bytes, ...], Labels] = Remembered()


def decode(body: bytes) -> Points:
    """The points of an unpacked body, and the problems of its series, by their numbers from 0.

    Raises:
        ApiError: 400 it is no WriteRequest, 413 it has too many series or samples.
    """
    points: list[Point] = []
    places: list[int] = []
    problems: list[Problem] = []
    useless: Counter[str] = Counter()
    for place, series in enumerate(_series(body)):
        labels = _labels(series)
        if isinstance(labels, Message):
            problems.append(Problem(labels, index=place))
            continue
        check_items(len(points) + len(series.samples))
        for sample in series.samples:
            value, ts = sample.value, sample.timestamp * _MILLISECOND + UNIX_EPOCH
            if value != value and struct.pack("<d", value) == _STALE:
                # The series ends, and so do its samples. A counter that comes back goes on, as in
                # increase(), or began anew and is lower.
                useless["stale"] += 1
            elif abs(ts) > FARTHEST:
                message = Message("The timestamp {number} is out of range", {"number": ts})
                problems.append(Problem(message, index=place))
            else:
                points.append(Point(labels, value, ts))
                places.append(place)
    return Points(points, problems, useless, places)


def _series(body: bytes) -> list[TimeSeries]:
    try:
        packed = WriteRequest.FromString(body).timeseries
        if len(packed) > MAX_SERIES or any(len(one) > MAX_SERIES_BYTES for one in packed):
            raise too_large(
                f"A request has {MAX_SERIES} series of {MAX_SERIES_BYTES} bytes each at most"
            )
        return [TimeSeries.FromString(one) for one in packed]
    except DecodeError as error:
        raise ApiError(400, _MALFORMED) from error


def _labels(series: TimeSeries) -> Labels:
    """Name, other labels and form of a series, or why it has none."""
    key = tuple(series.labels)
    if (known := _known.get(key)) is None:
        known = _read(key)
        _known.put(key, known, sum(map(len, key)))
    return known


def _read(packed: tuple[bytes, ...]) -> Labels:
    try:
        labels = [(one.name, one.value) for one in map(Label.FromString, packed)]
    except DecodeError as error:
        raise ApiError(400, _MALFORMED) from error
    given = dict(labels)
    if len(given) < len(labels):
        return Message("A label is there twice")
    name = given.pop(_NAME, "")
    if not name:
        return Message("The label {name} is missing", {"name": _NAME})
    form: Form = "cumulative" if name.endswith(_CUMULATIVE) else "gauge"
    return Foreign(name, tuple(sorted(given.items())), form)
