"""Keys as clients of other protocols send them."""

import base64
import binascii
from urllib.parse import parse_qs

from starlette.types import Scope


def foreign_key(scope: Scope) -> str | None:
    """The key of ``Authorization: Token KEY`` (also ``Token NAME:KEY``), of Basic authentication,
    where it is the password, or of a query's ``p``, as clients of InfluxDB 1 send it.
    """
    for name, value in scope["headers"]:
        if name == b"authorization":
            return _of_header(str(value, "latin-1"))
    passwords = parse_qs(str(scope["query_string"], "latin-1")).get("p", [])
    return passwords[0] if passwords else None


def _of_header(header: str) -> str | None:
    scheme, _, credentials = header.partition(" ")
    match scheme.lower():
        case "token":
            return credentials.strip().rpartition(":")[2]
        case "basic":
            try:
                decoded = base64.b64decode(credentials.strip(), validate=True)
            except binascii.Error:
                return None
            return decoded.decode("latin-1").partition(":")[2]
    return None
