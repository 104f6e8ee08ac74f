"""A port that tells of the consumer: ``/metrics`` for Prometheus, ``/ready`` and ``/health``."""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from service.runtime.settings import SettingsError

_JSON = "application/json"


@contextmanager
def telling(host: str, port: int | None, problems: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Answer on that port meanwhile, if there is one, in a thread of its own; `problems` are why
    the consumer is not ready.

    Raises:
        SettingsError: the port is taken.
    """
    if port is None:
        yield
        return
    try:
        server = _server(host, port)
    except OSError as error:
        raise SettingsError(f"FATURE_KAFKA_METRICS_PORT: {error.strerror or error}") from error
    server.problems = problems
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    problems: Callable[[], Sequence[str]]


class _SixServer(_Server):
    address_family = socket.AF_INET6


def _server(host: str, port: int) -> _Server:
    return (_SixServer if ":" in host else _Server)((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        match self.path:
            case "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            case "/health":
                self._answer(200, _JSON, b'{"status": "ok"}')
            case "/ready":
                problems = list(self.server.problems())
                body = json.dumps(
                    {"status": "unready" if problems else "ready", "problems": problems}
                )
                self._answer(503 if problems else 200, _JSON, body.encode())
            case _:
                self._answer(404, _JSON, b'{"status": "not found"}')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing of each question."""

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
