"""``POST /api/v2/write`` and ``POST /write``."""

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import principal_of
from service.http.bodies import read_packed
from service.http.endpoint import Endpoint, Handler
from service.http.errors import FORESEEN, explained
from service.http.parameters import read_params
from service.http.responses import json_response
from service.line_protocol.decode import PRECISIONS, decode
from service.line_protocol.models import WriteError, WriteParams, WriteParamsOf1
from service.metrics.mapping.door import Outcome
from service.runtime.resources import resources_of

MAX_UNPACKED = 16 * 1024 * 1024
_MOST_PROBLEMS = 5
_CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    413: "request too large",
    415: "unsupported media type",
    422: "invalid",
    429: "too many requests",
    503: "unavailable",
}


async def write_line_protocol(request: Request) -> Response:
    """Submit points of InfluxDB's line protocol, as clients of InfluxDB 2 do.

    Points that cannot be stored are named in a 400; the others are stored. Sent again, none counts
    twice.
    """
    return await _write(request, WriteParams)


async def write_line_protocol_of_1(request: Request) -> Response:
    """The same as clients of InfluxDB 1 do."""
    return await _write(request, WriteParamsOf1)


async def _write(request: Request, model: type[WriteParams | WriteParamsOf1]) -> Response:
    try:
        params, _ = read_params(request, model)
        outcome = await _record(request, params)
    except FORESEEN as error:
        status, message, headers = explained(request, error)
        return _refused(status, message, headers)
    if outcome.problems:
        return _refused(400, _partial(outcome))
    return Response(status_code=204)


async def _record(request: Request, params: WriteParams | WriteParamsOf1) -> Outcome:
    body = await read_packed(request, MAX_UNPACKED)
    points = decode(body, PRECISIONS[params.precision])
    return await resources_of(request).door.record(points, principal_of(request).scope)


def _partial(outcome: Outcome) -> str:
    """The first problems by their lines, as InfluxDB says it."""
    shown = [
        f"line {one.index}: {one.message}" if one.index else str(one.message)
        for one in outcome.problems[:_MOST_PROBLEMS]
    ]
    more = len(outcome.problems) - len(shown)
    rest = f" and {more} more" if more else ""
    return f"partial write: {'; '.join(shown)}{rest} dropped={len(outcome.problems)}"


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    answer = WriteError(code=_CODES.get(status, "internal error"), message=message, error=message)
    return json_response(answer.model_dump(), status, headers)


def _endpoint(path: str, handler: Handler, params: type[BaseModel]) -> Endpoint:
    return Endpoint(
        "POST",
        path,
        handler,
        "protocols",
        scope="metrics:write",
        params=params,
        status=204,
        foreign=True,
        media=("text/plain",),
        error=WriteError,
    )


ENDPOINTS = [
    _endpoint("/api/v2/write", write_line_protocol, WriteParams),
    _endpoint("/write", write_line_protocol_of_1, WriteParamsOf1),
]
