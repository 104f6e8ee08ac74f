"""From a posted metric to the people who are told, over HTTP."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sql.engine import Engine
from tests.conftest import DatabaseServer, running_service
from tests.receivers import Mailbox, smtp_server, web_receiver

pytestmark = pytest.mark.one_engine

RULE = {
    "rule_name": "Test metric is high",
    "metric_name": "test_metric",
    "condition": ">",
    "threshold_value": 500,
    "severity": "critical",
    "notification_channels": ["email", "webhook"],
    "notification_recipients": ["ana@example.com"],
}
SAMPLE = {
    "metric_name": "test_metric",
    "metric_type": "performance",
    "value": 999,
    "frequency": "real_time",
}


def test_an_alert_and_its_resolve_reach_every_channel_once(
    engine: Engine, servers: Callable[[Engine], DatabaseServer], tmp_path: Path
) -> None:
    mailbox = Mailbox()
    with (
        smtp_server(mailbox) as port,
        web_receiver() as hook,
        running_service(
            tmp_path,
            servers(engine).new_database(),
            FATURE_ALERT_INTERVAL="1",
            FATURE_SMTP_HOST="127.0.0.1",
            FATURE_SMTP_PORT=str(port),
            FATURE_SMTP_FROM="alerts@fature.example",
            FATURE_WEBHOOK_URL=hook.url,
            FATURE_WEBHOOK_ALLOW_PRIVATE="true",
        ) as service,
    ):
        assert service.client.post("/api/alerts/rules", json=RULE).status_code == 201
        assert service.client.post("/api/metrics", json=SAMPLE).status_code == 201
        until(lambda: mailbox.mails and hook.received)
        (event,) = [
            one
            for one in service.client.get("/api/alerts/events").json()["data"]
            if one["metric_name"] == "test_metric"
        ]
        assert service.client.post(f"/api/alerts/events/{event['id']}/resolve").status_code == 200
        until(lambda: len(mailbox.mails) == 2 and len(hook.received) == 2)
        time.sleep(3)
    first, second = mailbox.mails
    assert "999" in first["Subject"]
    assert second["In-Reply-To"] == first["Message-ID"]
    told = [json.loads(one.body)["transition"] for one in hook.received]
    assert told == ["opened", "resolved"]


def until(condition: Callable[[], object]) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)
