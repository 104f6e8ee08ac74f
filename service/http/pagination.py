"""Cursors: where the next page of a list begins, opaque to clients."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVarTuple

import msgspec

from sql.errors import Invalid, Problem
from sql.messages import Message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The name of the list, microseconds since 1970, the number.
_decoder = msgspec.json.Decoder(tuple[str, int, int])

Key = TypeVarTuple("Key")


class Position(NamedTuple):
    """The entry that a page ended with: its instant, in UTC, and its number."""

    at: datetime
    number: int


def cursor_of(listing: str, at: datetime, number: int = 0) -> str:
    """The cursor behind that entry of a list, which is named so that no other takes it."""
    return cursor_with(listing, (at - _EPOCH) // _MICROSECOND, number)


def cursor_with(listing: str, *key: object) -> str:
    """The cursor behind the entry of a list that has that key."""
    return urlsafe_b64encode(msgspec.json.encode([listing, *key])).decode().rstrip("=")


def key_of(
    listing: str,
    cursor: str,
    decoder: msgspec.json.Decoder[tuple[str, *Key]],
    parameter: str = "cursor",
) -> tuple[*Key]:
    """The key that a cursor of that list was made with; `decoder` reads the list's name and it.

    Raises:
        Invalid: it is no cursor with such a key, or one of another list.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = decoder.decode(urlsafe_b64decode(padded))
    except (ValueError, msgspec.DecodeError) as error:
        raise Invalid(Problem(Message("Not a cursor from here"), parameter)) from error
    if found[0] != listing:
        raise Invalid(Problem(Message("It belongs to another list or order"), parameter))
    return found[1:]


def position_of(listing: str, cursor: str) -> Position:
    """The position that a cursor of that list stands for.

    Raises:
        Invalid: it is none, or one of another list.
    """
    microseconds, number = key_of(listing, cursor, _decoder)
    try:
        at = _EPOCH + microseconds * _MICROSECOND
    except OverflowError as error:
        raise Invalid(Problem(Message("Not a cursor from here"), "cursor")) from error
    if not 0 <= number < 2**63:
        raise Invalid(Problem(Message("Not a cursor from here"), "cursor"))
    return Position(at, number)
