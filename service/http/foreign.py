"""Keys as clients of other protocols send them, and how much may be in one of their requests."""

import base64
import binascii
from urllib.parse import parse_qs

from starlette.types import Scope

from service.http.errors import too_large

# Of one request, however few bytes each takes: what is made of them takes memory.
MAX_ITEMS = 200_000


def check_items(number: int) -> None:
    """Refuse a request of so many lines, series, objects or points.

    Raises:
        ApiError: 413, they are too many.
    """
    if number > MAX_ITEMS:
        raise too_large(f"A request may have {MAX_ITEMS} points at most")


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
