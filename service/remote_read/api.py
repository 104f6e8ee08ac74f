"""``POST /api/v1/read``."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import principal_of
from service.http.bodies import check_media_type, read_body
from service.http.endpoint import Endpoint
from service.metrics.query.beside import beside
from service.prometheus.snappy import packed
from service.remote_read.decode import decode, encode
from service.remote_read.queries import ReadQuery, Series
from service.remote_read.reading import Bounds, read_series
from service.remote_read.stamps import milliseconds
from service.runtime.resources import resources_of

_MEDIA_TYPE = "application/x-protobuf"
_AHEAD = timedelta(days=2)


async def read_remotely(request: Request) -> Response:
    """Business figures for PromQL, as Prometheus asks for them (remote read).

    Labels are those of the figures, and `period` and `aggregation`: what each sample is of.
    """
    check_media_type(request, "", _MEDIA_TYPE)
    queries = decode(await read_body(request))
    results = await resources_of(request).reads.retrying(lambda: _results(request, queries))
    body = await beside(lambda: packed(encode(results)))
    return Response(body, headers={"Content-Encoding": "snappy"}, media_type=_MEDIA_TYPE)


async def _results(request: Request, queries: list[ReadQuery]) -> list[list[Series]]:
    resources, scope = resources_of(request), principal_of(request).scope
    now = datetime.now(UTC)
    bounds = Bounds()
    within = [_within_reason(query, now) for query in queries]
    return [
        await read_series(resources, scope, query, now, bounds)
        if query.since <= query.until
        else []
        for query in within
    ]


def _within_reason(query: ReadQuery, now: datetime) -> ReadQuery:
    """A query without what lies before 1970 or far ahead: Prometheus may ask for all there is."""
    most = milliseconds(now + _AHEAD)
    return replace(query, since=max(query.since, 0), until=min(query.until, most))


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/v1/read",
        read_remotely,
        "protocols",
        scope="metrics:read",
        raw=_MEDIA_TYPE,
        foreign=True,
        media=(_MEDIA_TYPE,),
    ),
]
