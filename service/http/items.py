"""What endpoints of numbered things have in common: ids in paths, instants, deletion."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator
from starlette.requests import Request

from service.http.envelopes import Item
from service.http.responses import utc_instant
from sql.errors import missing as missing

MAX_ID = 2**31 - 1


class Deleted(Item[dict[str, Any]]):
    """What is gone."""


def _offset(value: object) -> object:
    """A time of day means nothing without an offset."""
    if not isinstance(value, str):
        raise ValueError("Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z") from error
    if moment.tzinfo is None or not 1900 <= moment.year <= 2999:
        raise ValueError("Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z")
    return moment


Instant = Annotated[datetime, BeforeValidator(_offset)]


def number_of(request: Request, what: str) -> int:
    """The id in the path; 404 for what cannot be one."""
    text = str(request.path_params["id"])
    limit = 2**63 - 1 if what == "event" else MAX_ID
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:20]) <= limit:
        raise missing(what, text)
    return int(text)


def instants(row: Mapping[str, Any], *names: str) -> dict[str, str | None]:
    """Columns of instants as they are answered."""
    return {name: row[name] and utc_instant(row[name]) for name in names}
