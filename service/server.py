"""Serving the app with uvicorn."""

import asyncio
import errno
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from types import FrameType

import click
import uvicorn

from service.settings import Settings, SettingsError, hand_down

# Where prometheus_client keeps the figures of several workers; whoever is asked adds them up.
TELEMETRY_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def serve(settings: Settings, database_url: str) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished first."""
    # Workers are processes of their own and read the environment again.
    hand_down(database_url)
    click.echo(f"Serving:   {settings.url}")
    with ExitStack() as stack:
        if settings.workers > 1:
            folder = stack.enter_context(TemporaryDirectory(prefix="fature-metrics-"))
            os.environ[TELEMETRY_FOLDER] = folder
        _run(settings)


def _run(settings: Settings) -> None:
    try:
        uvicorn.run(
            "service.app:create_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=30,
        )
    except (KeyboardInterrupt, SystemExit) as stop:
        # uvicorn raises the signal again once everything is finished.
        if isinstance(stop, SystemExit) and stop.code:
            raise


def end_with_supervisor() -> None:
    """In a worker: stop as on SIGTERM once the process that started it is gone, which no
    longer tells it to; else it would hold the port for ever.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def watch() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def noted_stop() -> Iterator[asyncio.Event]:
    """An event that is set on SIGINT and SIGTERM, beside what uvicorn does then: it waits
    for answers that would never end by themselves. To be entered in the event loop.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, note)
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_address(settings: Settings) -> None:
    """Bind and let go, so that a taken port is told before anything is started.

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
