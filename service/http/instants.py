"""Instants in bodies and answers: ISO 8601 with an offset."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from service.http.responses import utc_instant
from sql.messages import Message

_HELP = Message("Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z")


def _with_offset(value: object) -> object:
    """A time of day means nothing without an offset."""
    if not isinstance(value, str):
        raise ValueError(_HELP)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(_HELP) from error
    if moment.tzinfo is None or not 1900 <= moment.year <= 2999:
        raise ValueError(_HELP)
    return moment


Instant = Annotated[datetime, BeforeValidator(_with_offset)]


def instants(row: Mapping[str, Any], *names: str) -> dict[str, str | None]:
    """Columns of instants as they are answered."""
    return {name: row[name] and utc_instant(row[name]) for name in names}
