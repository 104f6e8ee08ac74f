"""Debian's Prometheus, as users run it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.clients import http_client
from tests.conftest import free_port
from tests.senders import program

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="Prometheus is not installed (Debian: apt-get install prometheus)",
)


@contextmanager
def prometheus(folder: Path, config: dict[str, Any], *arguments: str) -> Iterator[httpx2.Client]:
    """Prometheus with that configuration in `folder`, and a client of its API; ended afterwards."""
    port = free_port()
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    with (
        program(
            folder / "prometheus.log",
            "prometheus",
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            *arguments,
        ),
        http_client(f"http://127.0.0.1:{port}/api/v1", timeout=10) as client,
    ):
        yield client


def instant_values(client: httpx2.Client, expression: str, **params: Any) -> dict[Any, float]:
    """The values of an instant query by their labels without the name; none before it is up."""
    try:
        answer = client.get("/query", params={"query": expression, **params})
    except httpx2.TransportError:
        return {}
    if answer.status_code == 503:
        return {}
    assert answer.status_code == 200, answer.text
    return {
        tuple(sorted((n, v) for n, v in one["metric"].items() if n != "__name__")): float(
            one["value"][1]
        )
        for one in answer.json()["data"]["result"]
    }
