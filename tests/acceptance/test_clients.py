"""Clients against the service itself: the Python package, and the examples in docs/clients.md."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fature_metrics import Client
from fature_metrics.platform import PLATFORM

from tests.conftest import ADMIN_KEY, ROOT, DatabaseServer, Service, running_service

pytestmark = pytest.mark.one_engine

GUIDE = (ROOT / "docs" / "clients.md").read_text()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url, ADMIN_KEY, handle_sigterm=False) as client:
        yield client


def totals(api: httpx2.Client, metric: str) -> tuple[float, float]:
    """Sum and number of the samples of a metric."""
    found = []
    for aggregation in ("sum", "count"):
        params = {"metric_name": metric, "aggregation": aggregation, "period": "month"}
        rows = api.get("/api/metrics/aggregate", params=params).raise_for_status().json()["data"]
        found.append(sum(row["value"] for row in rows))
    return found[0], found[1]


def test_the_metrics_of_the_platform_are_those_of_the_catalogue(api: httpx2.Client) -> None:
    catalogue = {
        row["metric_name"]: (row["metric_type"], row["frequency"])
        for row in api.get("/api/metrics/catalog").json()["data"]
    }
    assert {name: catalogue.get(name) for name in PLATFORM} == PLATFORM


def test_what_is_recorded_is_what_is_read(client: Client, api: httpx2.Client, metric: str) -> None:
    for cents in range(1, 2501):
        client.record(metric, cents / 100, metric_type="revenue", frequency="hourly", unit="BRL")
    assert client.flush(30)
    assert totals(api, metric) == (31262.5, 2500)


def test_the_service_refuses_some_and_stores_the_others(
    client: Client, api: httpx2.Client, metric: str
) -> None:
    for value, unit in ((1, "BRL"), (2, "x" * 201), (4, "BRL")):
        client.record(metric, value, metric_type="revenue", frequency="hourly", unit=unit)
    assert client.flush(30)
    assert (client.stats().sent, client.stats().refused) == (2, 1)
    assert totals(api, metric) == (5, 2)


def test_everything_counts_once_through_kills_of_the_service(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(running_service(tmp_path, database_of.new_database()))
        port = int(service.url.rpartition(":")[2])
        options: dict[str, Any] = {"batch_size": 20, "interval": 0.05, "spool": tmp_path / "spool"}
        client = stack.enter_context(
            Client(service.url, ADMIN_KEY, handle_sigterm=False, **options)
        )
        values = iter(range(1, 10_000))
        for _ in range(2):
            before = client.stats().sent
            while client.stats().sent < before + 100:
                assert client.record("revenue_hourly", next(values), unit="BRL")
                time.sleep(0.002)
            service.stop(signal.SIGKILL)
            again = running_service(tmp_path, service.database_url, port=port)
            service = stack.enter_context(again)
        assert client.flush(60)
        recorded = client.stats().recorded
        assert (client.stats().sent, client.stats().retries > 0) == (recorded, True)
        total = recorded * (recorded + 1) / 2
        assert totals(service.client, "revenue_hourly") == (total, recorded)


def example(language: str, folder: Path) -> Path:
    """The example of that language as a file, named as its first line says."""
    (code,) = re.findall(rf"^```{language}\n(.+?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    name = re.match(r"// (\S+):", code)
    assert name is not None
    path = folder / name[1]
    path.write_text(code)
    return path


@pytest.mark.parametrize(("program", "language"), [("node", "js"), ("java", "java")])
def test_the_example_of_a_language_posts_a_sample(
    program: str, language: str, api: httpx2.Client, service: Service, metric: str, tmp_path: Path
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    path = example(language, tmp_path)
    path.write_text(path.read_text().replace("revenue_hourly", metric))
    command = [program, str(path), service.url, ADMIN_KEY]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "stored" in result.stdout
    assert totals(api, metric) == (149.9, 1)


def test_the_example_of_python_is_how_the_client_is_used(
    service: Service, api: httpx2.Client, metric: str, tmp_path: Path
) -> None:
    (code,) = re.findall(r"^```python\n(.+?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    for old, new in (
        ("http://localhost:5000", service.url),
        ('"KEY"', f'"{ADMIN_KEY}"'),
        ("/var/spool/fature", str(tmp_path)),
        ("carts_opened", metric),
    ):
        assert old in code
        code = code.replace(old, new)
    names: dict[str, Client] = {}
    exec(code, names)
    assert names["metrics"].close(30)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert totals(api, metric) == (1, 1)
