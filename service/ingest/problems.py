"""Problems of a submitted item, from the declared types of its fields and the types that came."""

from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Raw, ValidationError, inspect

from service.http.decoding import OUT_OF_RANGE, fields_of, given_twice, repeated_key
from service.ingest.models import MetricIn
from service.metrics.ingest.labels import name_problem
from service.metrics.ingest.sample import microseconds_of
from sql.errors import Problem
from sql.messages import Message, Term, choices

REQUIRED = Message("Required")
UNKNOWN = Message("Unknown field")
NO_INSTANT = Message(
    "Use ISO 8601 with an offset, such as {example}", {"example": "2025-06-14T15:00:00Z"}
)
_NO_OBJECT = Message("Expected an object")
_EMPTY = Message("It must not be empty")

# JSON's types as people call them.
_KINDS: dict[type, str] = {
    type(None): "nothing",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}
_declared = get_type_hints(MetricIn, include_extras=True)
_required = [field.name for field in msgspec.structs.fields(MetricIn) if field.required]


def item_problems(item: Raw, index: int | None) -> list[Problem]:
    """Everything that is wrong with the fields of one item at `index`."""
    fields = fields_of(item)
    if fields is None:
        return [Problem(_NO_OBJECT, index=index)]
    if repeated := repeated_key(item):
        return [given_twice(repeated, index)]
    missing = [Problem(REQUIRED, name, index) for name in _required if name not in fields]
    return missing + [
        Problem(message, name, index)
        for name, value in fields.items()
        if (message := _field_problem(name, value))
    ]


def expected(kind: type, value: Raw) -> Message:
    """`kind` is what was declared, `value` another type of JSON."""
    sent = _KINDS[type(msgspec.json.decode(value))]
    return Message("Expected {kind}, got {sent}", {"kind": Term(_KINDS[kind]), "sent": Term(sent)})


def _field_problem(name: str, value: Raw) -> Message | None:
    if name not in _declared:
        return UNKNOWN
    try:
        decoded = msgspec.json.decode(value, type=_declared[name])
        if name == "timestamp" and decoded is not None:
            microseconds_of(decoded)
        if name == "metric_name":
            return name_problem(decoded)
    except ValidationError:
        return _explained(_declared[name], value)
    except ValueError:
        return NO_INSTANT
    return None


def _explained(declared: Any, value: Raw) -> Message:
    """Why `value` is not as declared."""
    try:
        sent = msgspec.json.decode(value)
    except ValidationError:
        return OUT_OF_RANGE
    if get_origin(declared) is Literal:
        return Message("Must be one of {choices}", {"choices": choices(get_args(declared))})
    match _without_null(inspect.type_info(declared)):
        case inspect.StrType() as shape:
            return _text_problem(shape, sent) if isinstance(sent, str) else expected(str, value)
        case inspect.DictType():
            return expected(dict, value)
    return expected(float, value)


def _text_problem(shape: inspect.StrType, text: str) -> Message:
    if not text:
        return _EMPTY
    assert shape.max_length is not None
    values = {"most": shape.max_length, "number": len(text)}
    return Message("At most {most} characters, not {number}", values)


def _without_null(shape: inspect.Type) -> inspect.Type:
    if isinstance(shape, inspect.UnionType):
        shape = next(one for one in shape.types if not isinstance(one, inspect.NoneType))
    return shape.type if isinstance(shape, inspect.Metadata) else shape
