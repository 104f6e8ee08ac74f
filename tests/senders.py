"""Programs that send metrics by themselves, and what they are shown and what arrives of it."""

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

COUNTER, GAUGE = "revenue_orders_total", "revenue_open"


@dataclass
class Target:
    """What Prometheus and its like scrape at `port`: a counter, a gauge and what nobody takes.
    `seen` are counter and gauge of each scrape.
    """

    port: int = 0
    counter: float = 100.0
    gauge: float = 7.0
    seen: list[tuple[float, float]] = field(default_factory=list)

    def text(self) -> bytes:
        self.seen.append((self.counter, self.gauge))
        return (
            f"# TYPE {COUNTER} counter\n"
            f'{COUNTER}{{region="SP"}} {self.counter}\n'
            f"# TYPE {GAUGE} gauge\n{GAUGE} {self.gauge}\n"
            "# TYPE other gauge\nother 1\n"
        ).encode()


@contextmanager
def exposed() -> Iterator[Target]:
    """A target that answers meanwhile."""
    target = Target()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = target.text()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target.port = server.server_port
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def program(
    log: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A program that runs meanwhile and is killed at the end: nothing of it is needed then."""
    with log.open("w") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def stored(url: str, metric: str) -> list[float]:
    """The values of a metric in the order of their instants."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT value FROM analytics.metrics WHERE metric_name = %s ORDER BY ts", [metric]
        ).fetchall()
    return [value for (value,) in rows]


def rises(readings: Sequence[float]) -> list[float]:
    """What a counter with these readings rose by, where it did."""
    found = [after if after < before else after - before for before, after in pairwise(readings)]
    return [rise for rise in found if rise]
