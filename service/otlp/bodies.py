"""Bodies of OTLP over HTTP: protobuf, or its JSON."""

from collections.abc import Sequence

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from service.http.bodies import check_items
from service.http.errors import ApiError
from service.otlp.otlp_metrics_pb2 import Request

_MALFORMED = "The body is no ExportMetricsServiceRequest of OTLP"


def parsed(body: bytes, *, is_json: bool) -> Request:
    """The request in a body.

    Raises:
        ApiError: 400 it is none, 413 it has too many parts.
    """
    try:
        if is_json:
            # The parser takes an empty list or text for an empty object.
            if not body.lstrip().startswith(b"{"):
                raise ValueError("no object")
            check_items(body.count(b"{"))
            request = ExportMetricsServiceRequest()
            json_format.Parse(body, request, ignore_unknown_fields=True)
            body = request.SerializeToString()
        return Request.FromString(body)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        raise ApiError(400, _MALFORMED) from error


def attributes_of(packed: Sequence[bytes]) -> list[KeyValue]:
    """Attributes as a request has them.

    Raises:
        ApiError: 400 they are none, 413 they are too many.
    """
    check_items(len(packed))
    try:
        return [KeyValue.FromString(one) for one in packed]
    except DecodeError as error:
        raise ApiError(400, _MALFORMED) from error


def packed(content: Message, *, is_json: bool) -> bytes:
    """A message as the body of an answer."""
    if is_json:
        return json_format.MessageToJson(content, indent=None).encode()
    return content.SerializeToString()
