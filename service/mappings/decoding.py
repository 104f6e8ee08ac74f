"""Bodies of every protocol, as somebody tries them."""

import base64
import binascii

from service.line_protocol import decode as line_protocol
from service.mappings.models import Protocol
from service.metrics.mapping.point import Points
from service.remote_write import decode as remote_write
from sql.errors import Invalid, Problem
from sql.messages import Message


def decoded(protocol: Protocol, body: str) -> Points:
    """The points of a body: text, or Base64 of one that is none, packed as it is sent.

    Raises:
        Invalid: it is no Base64.
        ApiError: it is none of the protocol.
    """
    if protocol == "line_protocol":
        return line_protocol.decode(body.encode(), 1)
    try:
        content = base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise Invalid(Problem(Message("This is no Base64"), "body")) from error
    return remote_write.decode(remote_write.unpacked(content))
