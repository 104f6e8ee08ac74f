"""Ids in paths."""

from starlette.requests import Request

from sql.errors import missing

MAX_ID = 2**31 - 1
_MAX_EVENT_ID = 2**63 - 1


def id_of(request: Request, thing: str) -> int:
    """The id in the path.

    Raises:
        NotFound: it cannot be the id of such a thing.
    """
    text = str(request.path_params["id"])
    limit = _MAX_EVENT_ID if thing == "event" else MAX_ID
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:20]) <= limit:
        raise missing(thing, text)
    return int(text)
