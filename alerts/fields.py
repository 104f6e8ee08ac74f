"""The kinds of fields that rules have, as they are taken and described."""

import re
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from alerts.recipients import Channel
from sql.durations import (
    DURATION_PATTERN,
    MAX_SECONDS,
    PERIODS,
    duration_text,
    parse_duration,
    parse_window,
)
from sql.messages import Listing, Message, Value

CHANNELS: tuple[Channel, ...] = get_args(Channel)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def checked_text(value: object) -> object:
    """The text, where it has no control characters."""
    if isinstance(value, str) and _CONTROL.search(value):
        raise ValueError(Message("Control characters are not allowed"))
    return value


def number(value: object) -> object:
    """The value, where it is neither text nor a truth value."""
    if isinstance(value, str | bool):
        raise ValueError(Message("Expected a number"))
    return value


def distinct(names: list[str]) -> list[str]:
    """The names, where none is given twice."""
    if len(set(names)) < len(names):
        raise ValueError(Message("A name is given twice"))
    return names


def checked_channel(value: object) -> object:
    """The channel, where there is one of that name."""
    if value not in CHANNELS:
        values: dict[str, Value] = {"channel": repr(value), "channels": Listing(CHANNELS)}
        raise ValueError(Message("Unknown channel {channel}: use {channels}", values))
    return value


def _window(value: object) -> object:
    if isinstance(value, str):
        parse_window(value)
    return value


Text = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(checked_text)]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(number)]
_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": DURATION_PATTERN, "examples": ["5m"]},
        {"type": "integer", "minimum": 0, "maximum": MAX_SECONDS},
    ],
    "description": "Such as 90s, 5m, 1h, 1d, or whole seconds; at most 366 days",
}
# A duration in an answer is always a text.
_DURATION_TEXT = {"type": "string", "examples": ["5m"]}
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA, mode="validation"),
    WithJsonSchema(_DURATION_TEXT, mode="serialization"),
]
WindowText = Annotated[
    str,
    BeforeValidator(_window),
    WithJsonSchema(
        {
            "type": "string",
            "description": f"{', '.join(PERIODS)}, or a trailing duration such as 5m",
            "examples": ["hour", "5m"],
        }
    ),
]


def duration_field(seconds: float, description: str, alias: str | None = None) -> Any:
    """A field with its default in the schema as it is written."""
    return Field(
        float(seconds),
        alias=alias,
        description=description,
        json_schema_extra={"default": duration_text(seconds)},
    )
