"""Ids in paths."""

from starlette.requests import Request

from sql.errors import missing

MAX_ID = 2**31 - 1
_MAX_LONG_ID = 2**63 - 1
_LONG = ("event", "sample")


def id_of(request: Request, thing: str, name: str = "id") -> int:
    """The id in the path, where it has that name.

    Raises:
        NotFound: it cannot be the id of such a thing.
    """
    text = str(request.path_params[name])
    limit = _MAX_LONG_ID if thing in _LONG else MAX_ID
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:20]) <= limit:
        raise missing(thing, text)
    return int(text)
