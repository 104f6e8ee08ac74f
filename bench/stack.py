"""The system under test: the service as `make run` starts it, on a PostgreSQL of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from bench.requests import ADMIN_KEY
from bench.statements import statement

ROOT = Path(__file__).parent.parent
_READY_SECONDS = 60
_STOP_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """Something the benchmark needs does not work; the message says what."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its process, the port it serves on and how many workers serve."""

    pid: int
    port: int
    workers: int

    def cpu_seconds(self) -> float:
        """CPU time its processes have used so far."""
        return sum(map(_cpu_seconds, self._processes()))

    def peak_memory(self) -> int:
        """The most bytes of memory that one of its processes has had at once."""
        return max(map(_peak_memory, self._processes()))

    def answers(self, route: str, within: float) -> tuple[int, int]:
        """GET requests of a route so far, by the service's own clock: those that took it at most
        so many seconds (a bound of its histogram), and all.
        """
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/metrics", headers={"X-API-Key": ADMIN_KEY}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        bounds = {
            sample.labels["le"]: int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "fature_http_request_seconds_bucket"
            and (sample.labels["method"], sample.labels["route"]) == ("GET", route)
        }
        return (bounds[str(within)], bounds["+Inf"]) if bounds else (0, 0)

    def _processes(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) * 1024
    raise BenchmarkError("the kernel does not tell the peak memory of a process")


@contextmanager
def running_service(folder: Path, database_url: str, workers: int = 1) -> Iterator[Service]:
    """`python -m service run` on a free port of the loopback, ready; stopped at the end."""
    port = free_port()
    environment = settings_of(folder, database_url) | {
        "FATURE_PORT": str(port),
        "FATURE_WORKERS": str(workers),
        "FATURE_ADMIN_KEY": ADMIN_KEY,
    }
    log = folder / f"service-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "run"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_ready(process, port, log)
        yield Service(process.pid, port, workers)
    finally:
        stop(process)


def settings_of(folder: Path, database_url: str) -> dict[str, str]:
    """The environment of every process of the service with that data folder and database."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("FATURE_")}
    return others | {"FATURE_DATABASE_URL": database_url, "FATURE_DATA_DIR": str(folder)}


@contextmanager
def new_database(server_url: str, name: str) -> Iterator[str]:
    """The URL of an empty database, dropped at the end."""
    _execute(server_url, sql.SQL(statement("create_database")).format(sql.Identifier(name)))
    try:
        yield f"{server_url.rpartition('/')[0]}/{name}"
    finally:
        _execute(server_url, sql.SQL(statement("drop_database")).format(sql.Identifier(name)))


def _execute(url: str, command: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(command)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise BenchmarkError(f"the service did not become ready:\n{log.read_text()[-2000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process as an operator does, and kill it where it does not end."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
