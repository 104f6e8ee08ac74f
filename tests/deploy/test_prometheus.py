"""Prometheus itself reads what the service tells, with the configuration that comes along."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from prometheus_client import REGISTRY, generate_latest

import service.app  # what it imports is in the registry
import service.kafka.telemetry  # noqa: F401
from tests.clients import TLS
from tests.conftest import ROOT, DatabaseServer, Service, free_port, running_service
from tests.killable import until
from tests.prometheus_server import needs_prometheus, prometheus

FOLDER = ROOT / "deploy" / "prometheus"
SAMPLE = {"metric_name": "seen", "metric_type": "revenue", "value": 1, "frequency": "hourly"}
METRIC = re.compile(r"\bfature_[a-z_]+")

pytestmark = [
    pytest.mark.one_engine,
    needs_prometheus,
    pytest.mark.skipif(
        shutil.which("promtool") is None,
        reason="promtool is not installed (Debian: apt-get install prometheus)",
    ),
]


@dataclass
class Stack:
    """A service, an alert loop beside it, and the port that tells its metrics."""

    service: Service
    alerts_port: int
    key: str

    def told(self) -> str:
        """The service's metrics as Prometheus gets them."""
        answer = httpx2.get(
            f"{self.service.url}/metrics", headers={"X-API-Key": self.key}, verify=TLS
        )
        assert answer.status_code == 200
        return answer.text

    def told_by_alerts(self) -> str:
        return httpx2.get(f"http://127.0.0.1:{self.alerts_port}/metrics", verify=TLS).text


@pytest.fixture(scope="module")
def stack(database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("prometheus")
    url = database_of.new_database()
    with ExitStack() as exits:
        service = exits.enter_context(
            running_service(folder, url, FATURE_ALERT_INTERVAL="0", FATURE_WORKERS="2")
        )
        port = exits.enter_context(alert_loop(folder, url))
        key = service.client.post(
            "/api/keys", json={"name": "prometheus", "role": "reader", "scopes": ["metrics:read"]}
        )
        found = Stack(service, port, key.json()["data"]["key"])
        until(lambda: answers(found))
        yield found


def answers(stack: Stack) -> bool:
    try:
        return "fature_alert_tick_seconds_count 0.0" not in stack.told_by_alerts()
    except httpx2.TransportError:
        return False


@contextmanager
def alert_loop(folder: Path, url: str) -> Iterator[int]:
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
    environment |= {
        "FATURE_DATABASE_URL": url,
        "FATURE_DATA_DIR": str(folder),
        "FATURE_ALERT_INTERVAL": "1",
        "FATURE_ALERT_METRICS_PORT": str(port),
    }
    command = [sys.executable, "-m", "service", "alerts"]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            yield port
        finally:
            process.terminate()


def promtool(*arguments: str, text: str | None = None) -> None:
    """Run it; what it complains about is the failure."""
    done = subprocess.run(
        ["promtool", *arguments], input=text, cwd=FOLDER, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if text is not None:
        assert not done.stdout + done.stderr, "promtool check metrics is clean"


def configuration(stack: Stack, folder: Path) -> dict[str, Any]:
    """The project's, but for addresses, the key's place, and how often."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    found["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    found["rule_files"] = [str(FOLDER / name) for name in found["rule_files"]]
    key = folder / "api_key"
    key.write_text(stack.key)
    service, alerts, _ = found["scrape_configs"]
    service["authorization"]["credentials_file"] = str(key)
    service["static_configs"][0]["targets"] = [stack.service.url.removeprefix("http://")]
    alerts["static_configs"][0]["targets"] = [f"127.0.0.1:{stack.alerts_port}"]
    return found


def asked(client: httpx2.Client, expression: str) -> list[float]:
    """The values of an instant query; none before it is up."""
    try:
        answer = client.get("/query", params={"query": expression})
    except httpx2.TransportError:
        return []
    if answer.status_code != 200:
        return []
    return [float(one["value"][1]) for one in answer.json()["data"]["result"]]


def test_it_scrapes_the_service_and_the_alert_loop(stack: Stack, tmp_path: Path) -> None:
    for _ in range(3):
        stack.service.client.post("/api/metrics", json=SAMPLE).raise_for_status()
    with prometheus(tmp_path, configuration(stack, tmp_path)) as client:
        promtool("check", "config", str(tmp_path / "prometheus.yml"))
        until(lambda: asked(client, 'up{job=~"fature-.+"}') == [1, 1])
        until(lambda: asked(client, "sum(fature_ingest_samples_total) >= 3") != [])
        posted = 'fature_http_requests_total{route="/api/metrics",status="201"}'
        assert sum(asked(client, posted)) >= 3
        assert asked(client, "fature_database_up") == [1]
        until(lambda: asked(client, "sum(fature_alert_tick_seconds_count) > 0") != [])
        until(lambda: all(health == "ok" for health in rules(client).values()))
        assert not [name for name in firing(client) if name != "FatureSlow"]


def rules(client: httpx2.Client) -> dict[str, str]:
    """The health of every rule by its name."""
    found = json.loads(client.get("/rules").text)["data"]["groups"]
    return {rule["name"]: rule["health"] for group in found for rule in group["rules"]}


def firing(client: httpx2.Client) -> list[str]:
    found: list[dict[str, Any]] = client.get("/alerts").json()["data"]["alerts"]
    return [one["labels"]["alertname"] for one in found if one["state"] == "firing"]


def test_what_is_told_is_as_prometheus_wants_it(stack: Stack) -> None:
    promtool("check", "metrics", text=stack.told())
    promtool("check", "metrics", text=stack.told_by_alerts())


def test_every_metric_of_the_rules_and_the_docs_is_told(stack: Stack) -> None:
    # Several workers tell only of what has happened; the registry knows what may.
    texts_told = stack.told() + stack.told_by_alerts() + generate_latest(REGISTRY).decode()
    told = set(re.findall(r"^# TYPE (\S+)", texts_told, re.MULTILINE))
    assert "fature_http_requests_total" in told
    texts = [FOLDER / "rules.yml", ROOT / "docs" / "telemetry.md"]
    named = {name for path in texts for name in METRIC.findall(path.read_text())}
    named = {re.sub(r"_(bucket|count)$", "", name) for name in named}
    assert len(named) > 15
    assert named <= told


def test_a_port_that_is_taken_is_told(stack: Stack, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FATURE_")}
    environment |= {
        "FATURE_DATABASE_URL": stack.service.database_url,
        "FATURE_DATA_DIR": str(tmp_path),
        "FATURE_ALERT_METRICS_PORT": str(stack.alerts_port),
    }
    command = [sys.executable, "-m", "service", "alerts"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "error: FATURE_ALERT_METRICS_PORT: Address already in use" in done.stderr


def test_the_rules_are_sound_and_fire_when_they_should() -> None:
    promtool("check", "rules", "rules.yml")
    promtool("test", "rules", "rules.test.yml")
    tested = (FOLDER / "rules.test.yml").read_text()
    for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert (rule.get("alert") or rule["record"]) in tested
            if "alert" in rule:
                assert rule["labels"]["severity"] in ("low", "medium", "high", "critical")
                assert set(rule["annotations"]) == {"summary", "description"}
