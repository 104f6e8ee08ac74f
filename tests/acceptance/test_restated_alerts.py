"""Alerts of figures that are corrected afterwards, over HTTP: up to those who were told."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sql.engine import Engine
from tests.conftest import DatabaseServer, Service, running_service
from tests.killable import until
from tests.receivers import WebReceiver, web_receiver

HOUR = timedelta(hours=1)
RULE = {
    "rule_name": "Sales are low",
    "metric_name": "sales",
    "condition": "<",
    "threshold_value": 100,
    "severity": "high",
    "notification_channels": ["webhook"],
}
EVENTS = '{ events(metric: "sales") { nodes { id restatedValue retracted restatedAt } } }'


def test_late_samples_and_voids_reach_who_was_told(
    engine: Engine, servers: Callable[[Engine], DatabaseServer], tmp_path: Path
) -> None:
    with (
        web_receiver() as hook,
        running_service(
            tmp_path,
            servers(engine).new_database(),
            FATURE_ALERT_INTERVAL="0.5",
            FATURE_WEBHOOK_URL=hook.url,
            FATURE_WEBHOOK_ALLOW_PRIVATE="true",
            FATURE_LANGUAGE="pt-BR",
        ) as service,
    ):
        settled = datetime.now(UTC) - timedelta(minutes=1)
        current = settled.replace(minute=0, second=0, microsecond=0)
        for start in (current - HOUR, current):
            post(service, start, 5)
        assert service.client.post("/api/alerts/rules", json=RULE).status_code == 201
        until(lambda: bool(events(service)))
        event = events(service)[-1]
        window = datetime.fromisoformat(event["window_start"])
        late = post(service, window, 700)
        until(lambda: bool(found(service, event).get("retracted")))
        retracted = found(service, event)
        assert (retracted["status"], retracted["restated_value"]) == ("resolved", 705)
        until(lambda: "retracted" in transitions(hook))
        told = next(one for one in bodies(hook) if one["transition"] == "retracted")
        assert (told["event"]["value"], told["event"]["restated_value"]) == (5, 705)
        assert "705" in told["text"]
        assert "fica sem efeito" in told["text"]
        service.client.post(f"/api/metrics/{late}/void", json={"reason": "Another shop's"})
        until(lambda: not found(service, event).get("retracted"))
        answer = service.client.post("/graphql", json={"query": EVENTS}).json()
        nodes = answer["data"]["events"]["nodes"]
        node = next(one for one in nodes if one["id"] == event["id"])
        assert (node["restatedValue"], node["retracted"]) == (5, False)
        assert node["restatedAt"]


def post(service: Service, at: datetime, value: float) -> int:
    sample = {
        "metric_name": "sales",
        "metric_type": "revenue",
        "frequency": "hourly",
        "timestamp": at.isoformat(),
        "value": value,
    }
    answer = service.client.post("/api/metrics", json=sample)
    assert answer.status_code == 201, answer.text
    number: int = answer.json()["metric_id"]
    return number


def events(service: Service) -> list[dict[str, Any]]:
    data = service.client.get("/api/alerts/events", params={"metric_name": "sales"}).json()["data"]
    return list(data)


def found(service: Service, event: dict[str, Any]) -> dict[str, Any]:
    return dict(service.client.get(f"/api/alerts/events/{event['id']}").json()["data"])


def bodies(hook: WebReceiver) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in hook.received]


def transitions(hook: WebReceiver) -> list[str]:
    return [one["transition"] for one in bodies(hook)]
