"""Serving the app with uvicorn."""

import errno
import multiprocessing
import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPException
from tempfile import TemporaryDirectory

import click
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from service.runtime.connections import HttpConnection, raise_file_limit
from service.runtime.settings import Settings, SettingsError, hand_down
from service.runtime.stopping import WITHDRAW

# Where prometheus_client keeps the figures of several workers; whoever is asked adds them up.
TELEMETRY_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings, database_url: str) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished first."""
    # Workers are processes of their own and read the environment again.
    hand_down(database_url)
    raise_file_limit()
    with ExitStack() as stack:
        if settings.workers > 1:
            folder = stack.enter_context(TemporaryDirectory(prefix="fature-metrics-"))
            os.environ[TELEMETRY_FOLDER] = folder
        _run(settings)


def _run(settings: Settings) -> None:
    config = uvicorn.Config(
        "service.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=HttpConnection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
        # On a busy machine a worker takes seconds to start.
        timeout_worker_healthcheck=30,
    )
    if settings.workers > 1:
        _Supervisor(config, settings).run()
        return
    server = _Server(config, settings)
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit) as stop:
        # uvicorn raises the signal again once everything is finished.
        if isinstance(stop, SystemExit) and stop.code:
            raise
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


class _Server(uvicorn.Server):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's start; the port answers at its end."""
        await super().startup(sockets)
        if self.started:
            click.echo(f"Serving:   {self._settings.url}")


class _Supervisor(Multiprocess):
    """Replaces workers one by one on SIGHUP; on SIGTERM has them drain first. Says where they
    serve once one of them does.
    """

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config, sockets=[config.bind_socket()])
        self._settings = settings
        self._drain_seconds = settings.drain_seconds

    def init_processes(self) -> None:
        """uvicorn's start of the workers."""
        super().init_processes()
        threading.Thread(target=self._announce, daemon=True).start()

    def _announce(self) -> None:
        """The port takes connections before a worker answers them."""
        while not self.should_exit.is_set():
            with suppress(OSError, HTTPException):
                check = HTTPConnection(self._settings.host, self._settings.port, timeout=30)
                check.request("GET", "/api/health")
                check.getresponse()
                click.echo(f"Serving:   {self._settings.url}")
                return
            time.sleep(0.1)

    def handle_term(self) -> None:
        """A further signal ends the wait."""
        for process in self.processes:
            if self._drain_seconds and process.pid and process.exitcode is None:
                os.kill(process.pid, WITHDRAW)
        end = time.monotonic() + self._drain_seconds
        while time.monotonic() < end and not self.signal_queue:
            time.sleep(0.05)
        super().handle_term()


def end_with_supervisor() -> None:
    """In a worker: stop as on SIGTERM once the process that started it is gone and can no
    longer signal it; else it would hold the port for ever.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def watch() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def check_address(settings: Settings) -> None:
    """Bind and let go, so that a taken port is reported before anything is started.

    Raises:
        SettingsError: the address is taken or cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"port {settings.port} on {settings.host} is taken, perhaps by another "
                    "instance: choose another with FATURE_PORT"
                ) from error
            reason = error.strerror or str(error)
            raise SettingsError(f"cannot listen on {settings.host}: {reason}") from error
