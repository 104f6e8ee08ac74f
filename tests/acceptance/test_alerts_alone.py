"""Alert loops in processes of their own, beside a service that judges no rules."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sql.engine import Engine
from tests.conftest import ROOT, Service, running_service, wait_until_ready
from tests.killable import killable_server, until
from tests.receivers import Received, web_receiver

pytestmark = pytest.mark.one_engine

# Longer than what a killed loop was about to send is kept from the others.
SECONDS = 240


def test_one_loop_takes_over_from_another_and_outlives_an_outage(
    engine: Engine, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(killable_server(tmp_path / "postgres", engine))
        hook = stack.enter_context(web_receiver())
        url = server.databases.new_database()
        service = stack.enter_context(
            running_service(tmp_path / "service", url, FATURE_ALERT_INTERVAL="0")
        )

        def told() -> list[str]:
            return [metric_of(one) for one in hook.received]

        first = stack.enter_context(alert_loop(tmp_path, url, hook.url))
        for metric in ("one", "two", "three"):
            watch(service, metric)
        until(lambda: was_evaluated(service), SECONDS)
        second = stack.enter_context(alert_loop(tmp_path, url, hook.url))
        post(service, "one")
        until(lambda: is_open(service, "one"), SECONDS)
        first.kill()
        first.wait()
        until(lambda: "one" in told(), SECONDS)

        post(service, "two")
        until(lambda: "two" in told(), SECONDS)

        server.stop()
        server.start()
        wait_until_ready(service)
        post(service, "three")
        until(lambda: "three" in told(), SECONDS)

        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    deliveries = {(metric_of(one), one.headers["x-fature-delivery"]) for one in hook.received}
    assert sorted(metric for metric, _ in deliveries) == ["one", "three", "two"]


@contextmanager
def alert_loop(folder: Path, url: str, hook: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process of ``make alerts``; ended at the end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
    environment |= {
        "FATURE_DATABASE_URL": url,
        "FATURE_DATA_DIR": str(folder),
        "FATURE_ALERT_INTERVAL": "1",
        "FATURE_WEBHOOK_URL": hook,
        "FATURE_WEBHOOK_ALLOW_PRIVATE": "true",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "alerts"], cwd=ROOT, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def watch(service: Service, metric: str) -> None:
    rule = {
        "rule_name": f"{metric} is high",
        "metric_name": metric,
        "condition": ">",
        "threshold_value": 500,
        "severity": "critical",
        "notification_channels": ["webhook"],
    }
    service.client.post("/api/alerts/rules", json=rule).raise_for_status()


def post(service: Service, metric: str) -> None:
    sample = {
        "metric_name": metric,
        "metric_type": "performance",
        "value": 999,
        "frequency": "real_time",
    }
    service.client.post("/api/metrics", json=sample).raise_for_status()


def was_evaluated(service: Service) -> bool:
    rules = service.client.get("/api/alerts/rules").json()["data"]
    return all(rule["last_evaluated_at"] for rule in rules)


def is_open(service: Service, metric: str) -> bool:
    params = {"metric_name": metric, "status": "open"}
    return bool(service.client.get("/api/alerts/events", params=params).json()["data"])


def metric_of(request: Received) -> str:
    metric: str = json.loads(request.body)["event"]["metric_name"]
    return metric
