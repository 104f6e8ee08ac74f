"""Cursors of breakdowns: the group that a page ended with, and its key in the order."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from service.metrics.query.breakdown import After, RankOrder
from sql.errors import Invalid, Problem
from sql.messages import Message

_decoder = msgspec.json.Decoder(tuple[str, float | None, list[str | None]])


def cursor_of(order: RankOrder, after: After) -> str:
    """The cursor behind that group in an order."""
    parts = [f"breakdown.{order}", after.key, after.group]
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def after_of(cursor: str, order: RankOrder, labels: int) -> After:
    """The group that a cursor of that order stands for, which has so many labels.

    Raises:
        Invalid: it is none, or one of another order or other groups.
    """
    try:
        listing, key, group = _decoder.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise Invalid(Problem(Message("Not a cursor from here"), "cursor")) from error
    if listing != f"breakdown.{order}" or len(group) != labels:
        raise Invalid(Problem(Message("It belongs to another list or order"), "cursor"))
    return After(key, tuple(group))
