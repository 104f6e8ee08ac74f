"""Reasons that were stored as texts become messages, and go back with the migration."""

import json

import psycopg
import pytest

from sql.messages import Message, from_json
from sql.migrator import migrate, rollback
from tests.alert_loop import NOON, execute

VERSION = "0015_alert_messages"
FIGURE = "{aggregation} of {metric} is {value}, "
TEXTS = [
    ("Acknowledged by user:7", "Acknowledged by {name}"),
    ("sum of revenue_hourly is 1200.5 BRL, below 1500", FIGURE + "{condition} {bound}"),
    ("avg of load is 50, not above 80", FIGURE + "not {condition} {bound}"),
    ("The rule was edited", "The rule was edited"),
    ("something {odd} of old", "something {odd} of old"),
]


def down(url: str) -> None:
    """Back to before the migration."""
    while rollback(url) != VERSION:
        pass


def test_texts_become_messages_with_their_values(database: str) -> None:
    down(database)
    (event,) = execute(
        database,
        """
        INSERT INTO fature.alert_event (tenant, rule_name, metric_name, condition,
        threshold_value, severity, aggregation, window_name, opened_at)
        VALUES ('default', 'r', 'm', '>', 1, 'low', 'sum', 'hour', %s) RETURNING event_id
        """,
        NOON,
    )
    for text, _ in TEXTS:
        execute(
            database,
            "INSERT INTO fature.alert_transition (event_id, at, transition, reason)"
            " VALUES (%s, %s, 'opened', %s)",
            event["event_id"], NOON, text,
        )  # fmt: skip
    migrate(database, engine="auto", timezone="UTC")
    rows = execute(
        database,
        "SELECT reason, reason_message FROM fature.alert_transition ORDER BY transition_id",
    )
    messages = [from_json(json.dumps(row["reason_message"])) for row in rows]
    assert [one.text for one in messages] == [text for _, text in TEXTS]
    assert [str(one) for one in messages] == [row["reason"] for row in rows]
    assert isinstance(messages[-1], Message)
    down(database)
    kept = execute(database, "SELECT reason FROM fature.alert_transition ORDER BY transition_id")
    assert [row["reason"] for row in kept] == [text for text, _ in TEXTS]


def test_only_default_rules_that_nobody_edited_wait_longer(database: str) -> None:
    down(database)
    execute(
        database,
        "UPDATE fature.alert_rule SET version = 2 WHERE rule_name = 'Hourly revenue is low'",
    )
    execute(
        database,
        """
        INSERT INTO fature.alert_rule (rule_name, metric_name, condition, threshold_value, severity)
        VALUES ('mine', 'revenue_hourly', '<', 1500, 'low')
        """,
    )
    migrate(database, engine="auto", timezone="UTC")
    rows = execute(database, "SELECT rule_name, settle_seconds FROM fature.alert_rule")
    found = {row["rule_name"]: row["settle_seconds"] for row in rows}
    assert {name for name, settle in found.items() if settle == 60} == {
        "mine",
        "Hourly revenue is low",
    }
    assert len([settle for settle in found.values() if settle == 600]) == 4


def test_notifications_of_rules_do_not_hinder_the_way_back(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            """
            INSERT INTO fature.alert_notification (rule_id, channel, message, next_attempt_at)
            SELECT min(rule_id), 'email', '{}', now() FROM fature.alert_rule
            """
        )
    down(database)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        execute(database, "SELECT digest FROM fature.alert_notification")
