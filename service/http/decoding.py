"""Decoding JSON: what is no JSON at all, and objects whose keys are looked at one by one."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from service.http.errors import ApiError
from sql.errors import Invalid, Problem
from sql.messages import Message

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
OUT_OF_RANGE = Message("Number out of range")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Repeated(NamedTuple):
    """The way to a key that an object has more than once, such as ``metadata``, ``plan``."""

    path: tuple[str, ...]


def decode_json(body: bytes) -> object:
    """Any JSON text.

    Raises:
        ApiError: 400 no JSON.
        Invalid: every field with a number that no double is, or the first key given twice.
    """
    try:
        content = msgspec.json.decode(body)
    except msgspec.ValidationError as error:
        raise _out_of_range(body) from error
    except NOT_JSON as error:
        raise malformed(error, body) from error
    if repeated := repeated_key(body):
        raise Invalid(given_twice(repeated))
    return content


def malformed(error: Exception, body: bytes) -> ApiError:
    """400 for a body that cannot be read as JSON at all."""
    if isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    elif isinstance(error, UnicodeDecodeError):
        reason = "it is not UTF-8"
    elif body.startswith(_BYTE_ORDER_MARK):
        reason = "it begins with a byte-order mark; send UTF-8 without one"
    elif _is_json_but_for_surrogates(body):
        reason = "it holds a lone surrogate (\\ud800 to \\udfff), which is not Unicode"
    else:
        reason = str(error)
    return ApiError(400, f"The body is not valid JSON: {reason}")


def fields_of(value: Raw | bytes) -> dict[str, Raw] | None:
    """The fields of a JSON object, not decoded; None for any other JSON.

    Raises:
        One of `NOT_JSON`.
    """
    try:
        return msgspec.json.decode(value, type=dict[str, Raw])
    except msgspec.ValidationError:
        return None


def repeated_key(text: Raw | bytes) -> tuple[str, ...] | None:
    """The way to a key that some object in valid JSON has twice; an outer object's first."""
    try:
        found = _first_repeated(
            json.loads(bytes(text), object_pairs_hook=_repeated_in, parse_int=len, parse_float=len)
        )
    except RecursionError:  # deeper than anything that is taken
        return None
    return found.path if found else None


def given_twice(path: tuple[str, ...], index: int | None = None) -> Problem:
    """The problem of such a key, in the item at `index`."""
    message = Message("The key {key} is given twice", {"key": path[-1]})
    return Problem(message, ".".join(path), index)


def _repeated_in(pairs: list[tuple[str, Any]]) -> _Repeated | None:
    """The path within one object, whose values are paths or None already."""
    seen = set()
    for key, _ in pairs:
        if key in seen:
            return _Repeated((key,))
        seen.add(key)
    return _nested(pairs)


def _first_repeated(value: Any) -> _Repeated | None:
    if isinstance(value, list):
        return _nested(enumerate(value))
    return value if isinstance(value, _Repeated) else None


def _nested(parts: Iterable[tuple[object, Any]]) -> _Repeated | None:
    for name, value in parts:
        if found := _first_repeated(value):
            return _Repeated((str(name), *found.path))
    return None


def _out_of_range(body: bytes) -> ApiError | Invalid:
    """Numbers larger than a double; 400 where what follows the first is no JSON."""
    try:
        msgspec.json.decode(body, type=Raw)
        fields = fields_of(body) or {}
        wrong = [name for name, value in fields.items() if _is_out_of_range(value)]
    except NOT_JSON as broken:
        return malformed(broken, body)
    return Invalid(*[Problem(OUT_OF_RANGE, name) for name in wrong] or [Problem(OUT_OF_RANGE)])


def _is_out_of_range(value: Raw) -> bool:
    try:
        msgspec.json.decode(value)
    except msgspec.ValidationError:
        return True
    return False


def _is_json_but_for_surrogates(body: bytes) -> bool:
    """Whether it is JSON apart from lone surrogates, which Python's own decoder takes (but here
    neither NaN nor Infinity). msgspec's messages do not name them as the cause.
    """
    try:
        json.loads(body.decode(), parse_constant=int)
    except (ValueError, RecursionError):
        return False
    return True
