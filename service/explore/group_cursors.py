"""Cursors of breakdowns: the group that a page ended with, and its key in the order."""

import msgspec

from service.http.pagination import cursor_with, key_of
from service.metrics.query.breakdown import After, RankOrder
from sql.errors import Invalid, Problem
from sql.messages import Message

_decoder = msgspec.json.Decoder(tuple[str, float | None, list[str | None]])


def cursor_of(order: RankOrder, after: After) -> str:
    """The cursor behind that group in an order."""
    return cursor_with(f"breakdown.{order}", after.key, after.group)


def after_of(cursor: str, order: RankOrder, labels: int) -> After:
    """The group that a cursor of that order stands for, which has so many labels.

    Raises:
        Invalid: it is none, or one of another order or other groups.
    """
    key, group = key_of(f"breakdown.{order}", cursor, _decoder)
    if len(group) != labels:
        raise Invalid(Problem(Message("It belongs to another list or order"), "cursor"))
    return After(key, tuple(group))
