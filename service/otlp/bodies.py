"""Bodies of OTLP over HTTP: protobuf, or its JSON."""

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from service.http.errors import ApiError


def parsed(body: bytes, *, is_json: bool) -> ExportMetricsServiceRequest:
    """The request in a body.

    Raises:
        ApiError: 400, it is none.
    """
    request = ExportMetricsServiceRequest()
    try:
        if is_json:
            # The parser takes an empty list or text for an empty object.
            if not body.lstrip().startswith(b"{"):
                raise ValueError("no object")
            json_format.Parse(body, request, ignore_unknown_fields=True)
        else:
            request.ParseFromString(body)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        raise ApiError(400, "The body is no ExportMetricsServiceRequest of OTLP") from error
    return request


def packed(content: Message, *, is_json: bool) -> bytes:
    """A message as the body of an answer."""
    if is_json:
        return json_format.MessageToJson(content, indent=None).encode()
    return content.SerializeToString()
