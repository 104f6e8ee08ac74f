"""Messages of wrong values, by pydantic's type of error: words that a user understands."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from service.features import ENDPOINTS
from service.http.validation import catalogued, problems_of
from service.language.negotiation import negotiated
from service.language.reader import Reader
from sql.messages import Message


class Square(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["square"]


class Circle(BaseModel):
    type: Literal["circle"]


def _refused(value: str) -> str:
    raise ValueError(Message("{name} is named twice", {"name": value}))


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: Annotated[float, Field(ge=0, le=1500.5, allow_inf_nan=False)] = 0
    between: Annotated[float, Field(gt=0, lt=2)] = 1
    count: int = 0
    strict: Annotated[int, Field(strict=True)] = 0
    flag: bool = False
    text: Annotated[str, Field(min_length=2, max_length=3)] = "ab"
    filled: Annotated[str, Field(min_length=1)] = "a"
    name: Annotated[str, Field(pattern=r"^[^\x00]*$")] = ""
    other: Annotated[str, Field(pattern="^a$")] = "a"
    period: Literal["hour", "day", "week"] = "hour"
    version: Literal[1] = 1
    names: Annotated[list[str], Field(min_length=1, max_length=2)] = ["a"]
    labels: dict[str, str] = {}
    day: Annotated[date, Field(ge=date(1900, 1, 1))] = date(2000, 1, 1)
    at: datetime | None = None
    zoned: AwareDatetime | None = None
    shape: Annotated[Square | Circle, Field(discriminator="type")] = Square(type="square")
    own: Annotated[str, AfterValidator(_refused)] = ""


INSTANT = "Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z"
CASES = [
    ({"number": "x"}, "Expected a number", "Use um número"),
    ({"number": [1]}, "Expected a number, got a list", None),
    ({"number": float("nan")}, "Expected a finite number", None),
    ({"number": -1}, "At least 0", "No mínimo 0"),
    ({"number": 2000}, "At most 1500.5", "No máximo 1.500,5"),
    ({"between": 0}, "More than 0", None),
    ({"between": 2}, "Less than 2", None),
    ({"count": "x"}, "Expected a whole number", None),
    ({"count": 1.5}, "Expected a whole number", None),
    ({"count": "9" * 5000}, "The number is too large", None),
    (
        {"strict": "5"},
        "Expected a whole number, got text",
        "Esperado: um número inteiro; veio: texto",
    ),
    ({"flag": "x"}, "Expected true or false", None),
    ({"flag": None}, "Expected true or false, got null", None),
    ({"text": 1}, "Expected text, got a number", None),
    ({"text": "a"}, "At least 2 characters", None),
    ({"text": "abcd"}, "At most 3 characters", None),
    ({"filled": ""}, "It must not be empty", "Não pode ficar vazio"),
    ({"name": "\0"}, "The character NUL cannot occur", None),
    ({"other": "b"}, "It must match ^a$", None),
    (
        {"period": "money"},
        "Choose one of 'hour', 'day' or 'week'",
        "Escolha um destes: 'hour', 'day' ou 'week'",
    ),
    ({"version": 2}, "It must be 1", None),
    ({"names": []}, "At least one is needed", None),
    ({"names": ["a", "b", "c"]}, "At most 2 entries", None),
    ({"names": "a"}, "Expected a list, got text", None),
    ({"labels": []}, "Expected an object, got a list", None),
    ({"day": "x"}, "Use a date such as 2025-06-14", None),
    ({"day": "1800-01-01"}, "At least 1900-01-01", None),
    ({"at": "x"}, INSTANT, None),
    (
        {"zoned": "2025-06-14T15:00:00"},
        "Use ISO 8601 with an offset, such as 2025-06-14T15:00:00Z",
        None,
    ),
    ({"shape": {"type": "line"}}, "Choose one of 'square' or 'circle'", None),
    ({"shape": {}}, "Say which kind it is: type", None),
    ({"shape": 1}, "Expected an object, got a number", None),
    ({"own": "x"}, "x is named twice", None),
    ({"colour": "red"}, "Unknown name", "Nome desconhecido"),
]


@pytest.mark.parametrize(("given", "english", "portuguese"), CASES)
def test_what_is_wrong_is_said_in_words(
    given: dict[str, Any], english: str, portuguese: str | None
) -> None:
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate(given)
    (problem,) = problems_of(refused.value)
    assert (problem.field, str(problem.message)) == (next(iter(given)), english)
    said = Reader(*negotiated("pt-BR", "pt-BR"), ZoneInfo("UTC")).message(problem.message)
    assert said != english
    if portuguese:
        assert said == portuguese


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        Square.model_validate({})
    assert [(p.field, str(p.message)) for p in problems_of(refused.value)] == [
        ("type", "Field required")
    ]


# The types of error that each type of pydantic's core schemas may raise; None: none of its own.
RAISED: dict[str, tuple[str, ...]] = {
    "any": (),
    "bool": ("bool_type", "bool_parsing"),
    "date": (
        "date_type",
        "date_parsing",
        "date_from_datetime_parsing",
        "date_from_datetime_inexact",
    ),
    "datetime": ("datetime_type", "datetime_parsing", "datetime_from_date_parsing"),
    "default": (),
    "definition-ref": (),
    "definitions": (),
    "dict": ("dict_type", "too_long", "too_short"),
    "float": ("float_type", "float_parsing", "finite_number"),
    "function-after": ("value_error",),
    "function-before": ("value_error",),
    "function-plain": ("value_error",),
    "function-wrap": ("value_error",),
    "int": ("int_type", "int_parsing", "int_parsing_size", "int_from_float"),
    "json-or-python": (),
    "list": ("list_type", "too_long", "too_short"),
    "literal": ("literal_error",),
    "model": ("model_type", "model_attributes_type"),
    "model-field": ("missing",),
    "model-fields": ("extra_forbidden",),
    "nullable": (),
    "str": ("string_type", "string_too_short", "string_too_long", "string_pattern_mismatch"),
    "tagged-union": ("union_tag_invalid", "union_tag_not_found"),
    "union": (),
    "tuple": ("tuple_type", "too_long", "too_short"),
}
LIMITS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
}


def test_every_error_that_our_models_can_raise_has_words() -> None:
    models = {
        model
        for endpoint in ENDPOINTS
        for model in (endpoint.body, endpoint.params)
        if model and issubclass(model, BaseModel)
    }
    assert len(models) > 20
    kinds = {kind for model in models for kind in _kinds(model.__pydantic_core_schema__)}
    assert {kind for kind in kinds if not catalogued(kind)} == set()


def _kinds(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(kind := schema.get("type"), str):
            yield from RAISED[kind]
            yield from (LIMITS[name] for name in LIMITS if name in schema)
        for name, value in schema.items():
            if name not in ("function", "metadata", "serialization", "ref", "default"):
                yield from _kinds(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _kinds(value)
