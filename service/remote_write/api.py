"""``POST /api/v1/write``."""

from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import principal_of
from service.http.bodies import check_media_type, read_body
from service.http.endpoint import Endpoint
from service.http.errors import ApiError, Detail
from service.metrics.mapping.door import Outcome
from service.prometheus.snappy import unpacked
from service.remote_write.decode import MAX_UNPACKED, decode
from service.runtime.resources import resources_of

_MEDIA_TYPE = "application/x-protobuf"
_MOST_PROBLEMS = 5


async def write_remotely(request: Request) -> Response:
    """Submit samples as Prometheus does (remote write 1.0).

    Samples that cannot be stored are named in a 400, which is not to be sent again; the others are
    stored. Sent again, none counts twice.
    """
    _check_version(request)
    points = decode(unpacked(await read_body(request), MAX_UNPACKED))
    outcome = await resources_of(request).door.record(points, principal_of(request).scope)
    if outcome.problems:
        raise _refused(outcome)
    return Response(status_code=204)


def _check_version(request: Request) -> None:
    """Senders of another version or encoding fall back after a 415."""
    check_media_type(request, "", _MEDIA_TYPE)
    content_type = request.headers.get("content-type", "")
    if "io.prometheus.write.v2" in content_type:
        raise ApiError(415, "This takes remote write 1.0: send proto=prometheus.WriteRequest")
    encoding = request.headers.get("content-encoding", "snappy").strip().lower()
    if encoding != "snappy":
        raise ApiError(415, f"Content-Encoding {encoding} is not understood; use snappy")


def _refused(outcome: Outcome) -> ApiError:
    problems = outcome.problems
    first = problems[0]
    place = "" if first.index is None else f"series {first.index}: "
    message = f"{place}{first.message} ({len(problems)} refused, {outcome.taken} stored)"
    details = [
        Detail(index=one.index, field=one.field, message=str(one.message))
        for one in problems[:_MOST_PROBLEMS]
    ]
    return ApiError(400, message, details)


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/v1/write",
        write_remotely,
        "protocols",
        scope="metrics:write",
        status=204,
        foreign=True,
        media=(_MEDIA_TYPE,),
    ),
]
