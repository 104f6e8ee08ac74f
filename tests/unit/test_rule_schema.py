"""The document's rules are those that are taken."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.rules import Rule
from sql.durations import DURATION_PATTERN

SMALLEST: dict[str, Any] = {
    "rule_name": "r",
    "metric_name": "m",
    "condition": ">",
    "threshold_value": 1,
    "severity": "low",
}
DURATIONS = ("for", "keep_firing_for", "settle", "retire_after")


@pytest.mark.parametrize("name", DURATIONS)
def test_a_duration_is_a_text_or_whole_seconds(name: str) -> None:
    its = Rule.model_json_schema()["properties"][name]
    text, number = its["anyOf"]
    assert (text["type"], number["type"], number["minimum"]) == ("string", "integer", 0)
    assert re.fullmatch(text["pattern"], its["default"])
    assert Rule.model_validate(SMALLEST | {name: its["default"]}) == Rule.model_validate(SMALLEST)
    takes: list[Any] = ["2h", "1h30m", 7200]
    for value in takes:
        Rule.model_validate(SMALLEST | {name: value})
    refuses: list[Any] = [1.5, True, "5", -1]
    for value in refuses:
        with pytest.raises(ValidationError):
            Rule.model_validate(SMALLEST | {name: value})


def test_an_answer_has_texts() -> None:
    properties = Rule.model_json_schema(mode="serialization")["properties"]
    assert {properties[name]["type"] for name in DURATIONS} == {"string"}


@pytest.mark.parametrize("text", ["5m", "1h30m", "0", "1d", "90s", "999999s"])
def test_the_pattern_takes_durations(text: str) -> None:
    assert re.search(DURATION_PATTERN, text)


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "1m1h", "1.5h"])
def test_the_pattern_takes_nothing_else(text: str) -> None:
    assert not re.search(DURATION_PATTERN, text)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"settle": "8d"}, "At most 7d"),
        ({"retire_after": "5m"}, "At least 1h"),
        ({"digest_over": 0}, "greater than or equal to 1"),
        ({"filters": {"payment_method": ""}}, "at least 1 character"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Rule.model_validate(SMALLEST | fields)
