"""pydantic's errors as problems, each by its type: a text of ours with pydantic's values."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from service.language.translations import N_
from sql.errors import Problem
from sql.messages import Listing, Message, Quantity, Term, Value

# A type among several, as pydantic calls it; names that somebody gave may have brackets, too.
_TRIED = re.compile(r"(?:literal|list|dict|function-[a-z]+)\[.+\]", re.DOTALL)
# Choices as pydantic lists them: quoted texts or numbers.
_CHOICE = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|-?\d+")
N_("or")
_KINDS = {
    str: N_("text"),
    bool: N_("true or false"),
    int: N_("a number"),
    float: N_("a number"),
    list: N_("a list"),
    dict: N_("an object"),
    type(None): N_("null"),
}
_DATE = Message("Use a date such as 2025-06-14")
_INSTANT = Message("Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z")
_FIXED = {
    "missing": Message("Field required"),
    "extra_forbidden": Message("Unknown name"),
    "bool_parsing": Message("Expected true or false"),
    "int_parsing": Message("Expected a whole number"),
    "int_parsing_size": Message("The number is too large"),
    "int_from_float": Message("Expected a whole number"),
    "float_parsing": Message("Expected a number"),
    "finite_number": Message("Expected a finite number"),
    "string_unicode": Message("The text is not Unicode"),
    "none_required": Message("Leave it out"),
    "date_from_datetime_inexact": Message("Expected a date without a time of day"),
    "timezone_aware": _INSTANT,
} | {
    **dict.fromkeys(("date_parsing", "date_from_datetime_parsing"), _DATE),
    **dict.fromkeys(
        ("datetime_parsing", "datetime_object_invalid", "datetime_from_date_parsing"), _INSTANT
    ),
}
_EXPECTED = {
    "string_type": N_("text"),
    "bool_type": N_("true or false"),
    "int_type": N_("a whole number"),
    "float_type": N_("a number"),
    "list_type": N_("a list"),
    "tuple_type": N_("a list"),
    "dict_type": N_("an object"),
    "model_type": N_("an object"),
    "model_attributes_type": N_("an object"),
    "date_type": N_("a date"),
    "datetime_type": N_("a time"),
}
_PATTERNS = {
    r"^[^\x00]*$": Message("The character NUL cannot occur"),
    r"^[A-Za-z0-9_.:-]{1,200}$": Message("Use up to 200 letters without accents, digits, _ . : -"),
    r"^[A-Za-z0-9_.-]{1,64}$": Message("Use up to 64 letters without accents, digits, _ . -"),
    r"^[a-z][a-z0-9_-]{0,39}$": Message(
        "Use up to 40 small letters without accents, digits, _ and -, a letter first"
    ),
}


def problems_of(error: ValidationError) -> list[Problem]:
    """The problems of pydantic's error, with each field as it is named in the body."""
    return [
        Problem(_message(entry), _place(entry["loc"]) or None)
        for entry in error.errors(include_url=False)
    ]


def catalogued(kind: str) -> bool:
    """Whether errors of that type have a text of ours."""
    return kind in _FIXED or kind in _EXPECTED or kind in _WITH_VALUES


def _message(entry: Any) -> Message:
    kind, context = entry["type"], entry.get("ctx") or {}
    if expected := _EXPECTED.get(kind):
        return _another_type(expected, entry["input"])
    if make := _WITH_VALUES.get(kind):
        return make(context)
    # A type that no model of ours can raise so far says what pydantic says.
    usual: str = entry["msg"]
    return _FIXED.get(kind) or Message(usual)


def _another_type(expected: str, given: object) -> Message:
    values: dict[str, Value] = {"expected": Term(expected)}
    if got := _KINDS.get(type(given)):
        return Message("Expected {expected}, got {got}", {**values, "got": Term(got)})
    return Message("Expected {expected}", values)


def _own(context: Mapping[str, Any]) -> Message:
    """A validator's own: ``ValueError(Message(...))``."""
    said = next(iter(context["error"].args), "")
    return said if isinstance(said, Message) else Message(str(said))


def _one_of(name: str) -> Callable[[Mapping[str, Any]], Message]:
    def message(context: Mapping[str, Any]) -> Message:
        found = tuple(_CHOICE.findall(str(context[name])))
        if len(found) == 1:
            return Message("It must be {choice}", {"choice": found[0]})
        return Message("Choose one of {choices}", {"choices": Listing(found, "or")})

    return message


def _limit(text: str, name: str) -> Callable[[Mapping[str, Any]], Message]:
    def message(context: Mapping[str, Any]) -> Message:
        limit = context[name]
        value = Quantity(limit) if isinstance(limit, int | float) else str(limit)
        return Message(text, {"limit": value})

    return message


def _length(one: Message, text: str, name: str) -> Callable[[Mapping[str, Any]], Message]:
    def message(context: Mapping[str, Any]) -> Message:
        return one if context[name] == 1 else Message(text, {"number": context[name]})

    return message


def _pattern(context: Mapping[str, Any]) -> Message:
    pattern = context["pattern"]
    return _PATTERNS.get(pattern) or Message("It must match {pattern}", {"pattern": pattern})


_WITH_VALUES: dict[str, Callable[[Mapping[str, Any]], Message]] = {
    "value_error": _own,
    "literal_error": _one_of("expected"),
    "enum": _one_of("expected"),
    "union_tag_invalid": _one_of("expected_tags"),
    "union_tag_not_found": lambda context: Message(
        "Say which kind it is: {name}", {"name": context["discriminator"].strip("'")}
    ),
    "greater_than": _limit(N_("More than {limit}"), "gt"),
    "greater_than_equal": _limit(N_("At least {limit}"), "ge"),
    "less_than": _limit(N_("Less than {limit}"), "lt"),
    "less_than_equal": _limit(N_("At most {limit}"), "le"),
    "string_pattern_mismatch": _pattern,
    "string_too_short": _length(
        Message("It must not be empty"), N_("At least {number} characters"), "min_length"
    ),
    "string_too_long": _length(
        Message("At most one character"), N_("At most {number} characters"), "max_length"
    ),
    "too_short": _length(
        Message("At least one is needed"), N_("At least {number} entries"), "min_length"
    ),
    "too_long": _length(Message("At most one entry"), N_("At most {number} entries"), "max_length"),
}


def _place(loc: Sequence[int | str]) -> str:
    """The path of a field in the body, without the types that were tried there."""
    return ".".join(part for part in map(str, loc) if not _TRIED.fullmatch(part))
