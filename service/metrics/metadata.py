"""Metadata, of samples and of health reports: what can be stored and read again."""

import msgspec

MAX_METADATA = 8 * 1024
# Far below where Python's or PostgreSQL's recursion ends.
MAX_LEVELS = 100
_TOO_DEEP = f"Nested more than {MAX_LEVELS} levels deep"


def metadata_json(metadata: dict[str, object]) -> bytes:
    """Metadata as JSON.

    Raises:
        ValueError: saying why it cannot be stored.
    """
    try:
        text = msgspec.json.encode(metadata)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if len(text) > MAX_METADATA:
        raise ValueError(f"At most {MAX_METADATA // 1024} KiB as JSON")
    # Only text that hints at it is searched.
    if text.count(b"{") + text.count(b"[") > MAX_LEVELS and _deeper_than(MAX_LEVELS, metadata):
        raise ValueError(_TOO_DEEP)
    if b"\\u0000" in text and _has_nul(metadata):
        raise ValueError("The character NUL cannot be stored")
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
