"""Processes of the service, forked from one that has everything imported.

`python -m service …` spends most of its start on imports. Here they are done once for each
process of the tests, and each process of the service is a fork of that one: its own process id,
environment, output and signals, its interpreter ends as usual. Run as a module this is the
process that is forked.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Union

ROOT = Path(__file__).parent.parent
_LONGEST_REQUEST = 2**20

Process = Union["Forked", "subprocess.Popen[bytes]"]


class Forked:
    """A process of the service; of `subprocess.Popen` what tests need."""

    def __init__(self, status: int) -> None:
        self._status = status
        self.returncode: int | None = None
        self.pid = int(self._next_line())

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._read(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; subprocess.TimeoutExpired where it does not end in time."""
        code = self._read(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"service {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(self._next_line())
            os.close(self._status)
        return self.returncode

    def _next_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(self._status, 1) or b"-9\n"
        return line


def start(
    *arguments: str, environment: Mapping[str, str], stdout: IO[Any], stderr: IO[Any] | None = None
) -> "Process":
    """`python -m service` with these arguments and exactly this environment; really so where
    that has other settings of Python itself, which count from the interpreter's start.
    """
    if _settings_of_python(environment) != _settings_of_python(os.environ):
        command = [sys.executable, "-m", "service", *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr or stdout
        )
    status, told = os.pipe()
    request = json.dumps({"arguments": arguments, "environment": dict(environment)})
    files = [told, stdout.fileno(), (stderr or stdout).fileno()]
    socket.send_fds(_forkable(), [request.encode()], files)
    os.close(told)
    return Forked(status)


def run(
    *arguments: str, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """`start` to the end, which has to come in time, with what it printed."""
    with TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        process = start(*arguments, environment=environment, stdout=stdout, stderr=stderr)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(arguments, code, stdout.read(), stderr.read())


def _settings_of_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


@cache
def _forkable() -> socket.socket:
    """Where this process asks for forks; it ends with this process."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
        cwd=ROOT,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        mine.close()
        process.wait()

    atexit.register(end)
    return mine


def _serve(asked: socket.socket) -> None:
    """Fork whenever asked, until nobody can ask any more. Returns in forks, too."""
    # Ctrl-C is for the tests, which then end this. Nobody waits for those that keep forks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, files, _, _ = socket.recv_fds(asked, _LONGEST_REQUEST, 3)
        if not request:
            return
        if os.fork() == 0:
            asked.close()
            _keep(json.loads(request), *files)
            return
        for file in files:
            os.close(file)


def _keep(request: dict[str, Any], told: int, stdout: int, stderr: int) -> None:
    """Fork the service, tell its process id and then how it ended. Returns in the service."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    service = os.fork()
    if service == 0:
        os.close(told)
        _become(request, stdout, stderr)
        return
    os.close(stdout)
    os.close(stderr)
    os.write(told, b"%d\n" % service)
    _, status = os.waitpid(service, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(request: dict[str, Any], stdout: int, stderr: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.close(stdout)
    os.close(stderr)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = ["python -m service", *request["arguments"]]
    main()


if __name__ == "__main__":
    # What a process imports late: the first two are chosen by name when it serves.
    import anyio._backends._asyncio  # noqa: F401
    import uvicorn.lifespan.on
    import uvicorn.loops.auto  # noqa: F401

    import service.commands.run
    import service.graphql.execution  # noqa: F401
    from service.app import build_app
    from service.commands.cli import main
    from service.runtime.settings import Settings

    # What each process would make for itself and none changes: the document, templates.
    secret = "of nobody, as this app serves nobody"
    build_app(Settings(database_url="", admin_key=secret, secret=secret), "plain")
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
