"""The form of a rule: numbers as its reader writes them."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from starlette.datastructures import FormData

from service.language.reader import Reader
from service.rules.form import filled_form, form_of

ZONE = ZoneInfo("UTC")
READERS = {
    "pt-BR": Reader("pt-BR", Locale("pt", "BR"), ZONE),
    "en": Reader("en", Locale("en"), ZONE),
}
FILLED = {
    "rule_name": "Low",
    "metric_name": "revenue_hourly",
    "condition": "<",
    "severity": "low",
    "threshold_value": "1",
}


@pytest.mark.parametrize(
    ("language", "field", "text", "number", "shown"),
    [
        ("pt-BR", "threshold_value", "1.234,5", 1234.5, "1234,5"),
        ("pt-BR", "recovery_threshold", "2,25", 2.25, "2,25"),
        ("pt-BR", "digest_over", "1.000", 1000, "1000"),
        ("en", "digest_over", "1,000", 1000, "1000"),
        ("en", "threshold_value", "1,234.5", 1234.5, "1234.5"),
    ],
)
def test_numbers_are_read_and_shown_as_the_reader_writes_them(
    language: str, field: str, text: str, number: float, shown: str
) -> None:
    reader = READERS[language]
    form = filled_form(FormData({**FILLED, field: text}), reader)
    assert form.errors == {}
    assert getattr(form.data, field) == number
    assert form_of(form.data, reader).values[field] == shown


@pytest.mark.parametrize(
    ("language", "field", "text"),
    [
        ("pt-BR", "threshold_value", "1,234.5"),
        ("en", "recovery_threshold", "2,25"),
        ("pt-BR", "digest_over", "5,5"),
        ("pt-BR", "digest_over", "many"),
    ],
)
def test_what_is_no_number_to_the_reader_is_said_at_its_field(
    language: str, field: str, text: str
) -> None:
    form = filled_form(FormData({**FILLED, field: text}), READERS[language])
    assert list(form.errors) == [field]
    said: Any = form.errors[field]
    assert str(said)
