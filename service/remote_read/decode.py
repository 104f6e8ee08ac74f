"""From Prometheus' remote read to queries, and from series to its answer."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from service.http.errors import ApiError, too_large
from service.prometheus.snappy import unpacked
from service.remote_read.queries import Hints, Matcher, ReadQuery, Series
from service.remote_read.remote_read_pb2 import LabelMatcher, Query, ReadRequest, ReadResponse

# A query is some hundred bytes.
MAX_UNPACKED = 64 * 1024
MAX_QUERIES = 20
_MALFORMED = "The body is no ReadRequest of Prometheus' remote read"


def decode(body: bytes) -> list[ReadQuery]:
    """The queries of a packed body.

    Raises:
        ApiError: 400 it is none, 413 it has too many queries.
    """
    try:
        queries = ReadRequest.FromString(unpacked(body, MAX_UNPACKED)).queries
    except DecodeError as error:
        raise ApiError(400, _MALFORMED) from error
    if len(queries) > MAX_QUERIES:
        raise too_large(f"A request has {MAX_QUERIES} queries at most")
    return [_query(one) for one in queries]


def encode(results: Sequence[Sequence[Series]]) -> bytes:
    """The answer with the series of each query, not packed."""
    response = ReadResponse()
    for found in results:
        result = response.results.add()
        for series in found:
            added = result.timeseries.add()
            for name, value in sorted(series.labels.items()):
                added.labels.add(name=name, value=value)
            for number, stamp in series.samples:
                added.samples.add(value=number, timestamp=stamp)
    return response.SerializeToString()


def _query(query: Query) -> ReadQuery:
    matchers = tuple(_matcher(one) for one in query.matchers)
    if not query.HasField("hints"):
        return ReadQuery(query.start_timestamp_ms, query.end_timestamp_ms, matchers)
    hints = query.hints
    return ReadQuery(
        hints.start_ms or query.start_timestamp_ms,
        hints.end_ms or query.end_timestamp_ms,
        matchers,
        Hints(hints.step_ms, hints.func, tuple(hints.grouping), hints.by, hints.range_ms),
    )


def _matcher(matcher: LabelMatcher) -> Matcher:
    kind = LabelMatcher.Type
    return Matcher(
        matcher.name,
        matcher.value,
        is_regex=matcher.type in (kind.RE, kind.NRE),
        negated=matcher.type in (kind.NEQ, kind.NRE),
    )
