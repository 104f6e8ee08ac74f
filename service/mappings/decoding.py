"""Bodies of every protocol, as somebody tries them."""

import base64

from service.line_protocol import decode as line_protocol
from service.mappings.models import Protocol
from service.metrics.mapping.point import Points
from service.otlp.bodies import parsed
from service.otlp.decode import Decoder
from service.otlp.histograms import Exports
from service.prometheus.snappy import unpacked
from service.remote_write import decode as remote_write
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope


def decoded(protocol: Protocol, body: str, scope: Scope) -> Points:
    """The points of a body: text, or Base64 of one that is none, packed by Snappy where it is sent
    so.

    Raises:
        Invalid: it is no Base64.
        ApiError: it is none of the protocol.
    """
    if protocol == "line_protocol":
        return line_protocol.decode(body.encode(), 1)
    if protocol == "otlp" and body.lstrip().startswith("{"):
        return Decoder(Exports()).decode(parsed(body.encode(), is_json=True), scope)
    try:
        content = base64.b64decode(body, validate=True)
    except ValueError as error:
        raise Invalid(Problem(Message("This is no Base64"), "body")) from error
    if protocol == "otlp":
        return Decoder(Exports()).decode(parsed(content, is_json=False), scope)
    return remote_write.decode(unpacked(content, remote_write.MAX_UNPACKED))
