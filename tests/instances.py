"""`python -m service` with its embedded database, as on a laptop; and its other commands."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from sql.engine import Engine
from tests import forks
from tests.clients import http_client
from tests.conftest import free_port
from tests.killable import until

METRIC = "orders_shipped"


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with these settings of the service and no others."""
    others = ("FATURE_", "RETENTION_DAYS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    home = os.environ.get("FATURE_POSTGRES_HOME")
    if home and settings.get("FATURE_ENGINE") == "timescale":
        kept["FATURE_POSTGRES_HOME"] = home
    return kept | settings


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python -m service …` to its end."""
    return forks.run(*arguments, environment=environment(**settings), timeout=120)


class Instance:
    """`python -m service run` with the embedded database of a data folder."""

    def __init__(self, data_dir: Path, engine: Engine, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = int(settings.get("FATURE_PORT", free_port()))
        self._log = data_dir.parent / f"{data_dir.name}.{self.port}.log"
        mine = {
            "FATURE_DATA_DIR": str(data_dir),
            "FATURE_ENGINE": engine,
            "FATURE_PORT": str(self.port),
        }
        with self._log.open("w") as log:
            self.process = forks.start(
                "run", environment=environment(**mine | settings), stdout=log
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_until_ready(self) -> None:
        with self.client("no key is needed") as client:
            until(lambda: is_ready(client) or self.process.poll() is not None)
        assert self.process.poll() is None, self.output

    def client(self, key: str | None = None) -> httpx2.Client:
        """A client with the key that the first start generated, unless another is given."""
        key = key or (self.data_dir / "admin_key").read_text().strip()
        url = f"http://127.0.0.1:{self.port}"
        return http_client(url, headers={"X-API-Key": key}, timeout=30)

    def stop(self, how: int) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=60)


@contextmanager
def instance(data_dir: Path, engine: Engine, **settings: str) -> Iterator[Instance]:
    """A ready instance; it and its PostgreSQL are stopped at the end, if nobody did."""
    running = Instance(data_dir, engine, **settings)
    try:
        running.wait_until_ready()
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGTERM)


def is_ready(client: httpx2.Client) -> bool:
    """Whether the service answers and says so."""
    try:
        return client.get("/api/ready").status_code == 200
    except httpx2.TransportError:
        return False


def record(client: httpx2.Client, value: float) -> None:
    sample = {
        "metric_name": METRIC,
        "metric_type": "revenue",
        "value": value,
        "unit": "BRL",
        "frequency": "hourly",
    }
    answer = client.post("/api/metrics", json=sample)
    assert answer.status_code == 201, answer.text


def recorded(client: httpx2.Client) -> list[float]:
    answer = client.get("/api/metrics/query", params={"metric_name": METRIC, "order": "asc"})
    assert answer.status_code == 200, answer.text
    return [sample["value"] for sample in answer.json()["data"]]


def fails_clearly(*words: str, **settings: str) -> None:
    """`run` ends with exit code 1 and one message that has all of these words."""
    ended = command("run", **settings)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 1, output
    (message,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in message
    assert "Traceback" not in output
    assert "Serving" not in output


def workers_of(pid: int) -> list[int]:
    """The processes that serve; a child that ends while they are read is none of them."""

    def serves(child: str) -> bool:
        try:
            return b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False

    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if serves(child)]
