"""Cursors: where the next page of a list begins, opaque to clients."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from sql.errors import Invalid, Problem
from sql.messages import Message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The name of the list, microseconds since 1970, the number.
_decoder = msgspec.json.Decoder(tuple[str, int, int])


class Position(NamedTuple):
    """The entry that a page ended with: its instant, in UTC, and its number."""

    at: datetime
    number: int


def cursor_of(listing: str, at: datetime, number: int = 0) -> str:
    """The cursor behind that entry of a list, which is named so that no other takes it."""
    parts = [listing, (at - _EPOCH) // _MICROSECOND, number]
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def position_of(listing: str, cursor: str) -> Position:
    """The position that a cursor of that list stands for.

    Raises:
        Invalid: it is none, or one of another list.
    """
    try:
        found = _decoder.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        of_listing, microseconds, number = found
        at = _EPOCH + microseconds * _MICROSECOND
    except (ValueError, OverflowError, msgspec.DecodeError) as error:
        raise Invalid(Problem(Message("Not a cursor from here"), "cursor")) from error
    if not 0 <= number < 2**63:
        raise Invalid(Problem(Message("Not a cursor from here"), "cursor"))
    if of_listing != listing:
        raise Invalid(Problem(Message("It belongs to another list or order"), "cursor"))
    return Position(at, number)
