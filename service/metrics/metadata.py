"""Metadata, of samples and of health reports: what can be stored and read again."""

from collections.abc import Mapping

import msgspec

from sql.errors import Invalid, Problem
from sql.messages import Message

MAX_METADATA = 8 * 1024
# Far below where Python's or PostgreSQL's recursion ends.
MAX_LEVELS = 100
_TOO_DEEP = Message("Nested more than {levels} levels deep", {"levels": MAX_LEVELS})
_TOO_LARGE = Message("At most {kibibytes} KiB as JSON", {"kibibytes": MAX_METADATA // 1024})
_NUL = Message("The character NUL cannot be stored")


def metadata_json(metadata: Mapping[str, object]) -> bytes:
    """Metadata as JSON.

    Raises:
        Invalid: why it cannot be stored.
    """
    try:
        text = msgspec.json.encode(metadata)
    except RecursionError as error:
        raise Invalid(Problem(_TOO_DEEP)) from error
    if len(text) > MAX_METADATA:
        raise Invalid(Problem(_TOO_LARGE))
    # Only text that hints at it is searched.
    if text.count(b"{") + text.count(b"[") > MAX_LEVELS and _deeper_than(MAX_LEVELS, metadata):
        raise Invalid(Problem(_TOO_DEEP))
    if b"\\u0000" in text and _has_nul(metadata):
        raise Invalid(Problem(_NUL))
    return text


def _deeper_than(levels: int, value: object) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(levels - 1, part) for part in parts)


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return False
