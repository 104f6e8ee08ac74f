"""``POST /v1/metrics``."""

from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import principal_of
from service.http.bodies import MAX_BODY, check_media_type, read_packed
from service.http.endpoint import Endpoint
from service.http.errors import FORESEEN, explained
from service.metrics.mapping.door import Outcome
from service.otlp.bodies import packed, parsed
from service.otlp.decode import Decoder
from service.otlp.histograms import Exports
from service.otlp.otlp_status_pb2 import Status
from service.runtime.resources import resources_of

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
# Of gRPC, by the statuses of HTTP: invalid argument, unauthenticated and so on.
_CODES = {400: 3, 403: 7, 413: 8, 415: 3, 422: 3, 429: 8, 503: 14}
_INTERNAL = 13
_decoder = Decoder(Exports())


class PartialSuccess(BaseModel):
    """How many data points were refused, and why the first was."""

    rejectedDataPoints: str
    errorMessage: str


class ExportAnswer(BaseModel):
    """The outcome of an export; empty where all was taken."""

    partialSuccess: PartialSuccess | None = Field(
        None, description="Of data points that were refused; the others are stored"
    )


class ExportError(BaseModel):
    """A refusal as OTLP says it; protobuf is answered as protobuf."""

    model_config = ConfigDict(title="ExportError")

    code: int = Field(0, description="The code of gRPC")
    message: str = Field("", description="What is wrong")


async def export_metrics(request: Request) -> Response:
    """Submit metrics as OpenTelemetry's exporters do (OTLP over HTTP, protobuf or JSON).

    Data points that cannot be stored are counted in `partialSuccess`; the others are stored. Sent
    again, none counts twice.
    """
    is_json = _JSON in request.headers.get("content-type", "").lower()
    status, headers = 200, None
    content: Message
    try:
        check_media_type(request, _JSON, _PROTOBUF)
        body = await read_packed(request, MAX_BODY)
        scope = principal_of(request).scope
        points = _decoder.decode(parsed(body, is_json=is_json), scope)
        content = _answer(await resources_of(request).door.record(points, scope))
    except FORESEEN as error:
        status, message, headers = explained(request, error)
        content = Status(code=_CODES.get(status, _INTERNAL), message=message)
    media_type = _JSON if is_json else _PROTOBUF
    return Response(packed(content, is_json=is_json), status, headers, media_type)


def _answer(outcome: Outcome) -> ExportMetricsServiceResponse:
    answer = ExportMetricsServiceResponse()
    if outcome.problems:
        answer.partial_success.rejected_data_points = len(outcome.problems)
        answer.partial_success.error_message = str(outcome.problems[0].message)
    return answer


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/metrics",
        export_metrics,
        "protocols",
        scope="metrics:write",
        response=ExportAnswer,
        foreign=True,
        media=(_PROTOBUF, _JSON),
        answers=(_JSON, _PROTOBUF),
        error=ExportError,
    ),
]
