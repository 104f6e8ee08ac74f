"""Which events a silence mutes."""

from typing import Any

import pytest

from alerts.announce import is_silenced
from alerts.rules import Rule

pytestmark = pytest.mark.one_engine

RULE = Rule.model_validate(
    {
        "rule_name": "Low",
        "metric_name": "orders",
        "condition": "<",
        "threshold_value": 1,
        "severity": "low",
        "region": "SP",
        "filters": {"payment_method": "pix"},
    }
)
EVENT: dict[str, Any] = {
    "tenant": "default",
    "rule_id": 7,
    "metric_name": "orders",
    "severity": "low",
    "group_labels": {"affiliate_id": "A1", "service_name": None},
}
ANY = dict.fromkeys(("rule_id", "metric_name", "severity", "service_name"))


@pytest.mark.parametrize(
    ("group", "matches"),
    [
        ({}, True),
        ({"affiliate_id": "A1"}, True),
        ({"affiliate_id": "A2"}, False),
        ({"region": "SP", "payment_method": "pix"}, True),
        ({"region": "SP", "payment_method": "boleto"}, False),
        ({"service_name": "(none)"}, True),
        ({"channel": "app"}, False),
    ],
)
def test_a_silence_matches_labels_of_the_group_and_of_the_rule(
    group: dict[str, str], matches: bool
) -> None:
    silence = {"tenant": "default", **ANY, "group_labels": group}
    assert is_silenced(EVENT, RULE, [silence]) is matches
    assert not is_silenced(EVENT, RULE, [silence | {"tenant": "other"}])
