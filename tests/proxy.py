"""A load balancer: passes each request on to one of the instances that say they are ready,
over connections it keeps, and never tries again.
"""

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

from tests.clients import http_client
from tests.conftest import free_port
from tests.instances import is_ready

# What belongs to one connection rather than to the message (RFC 9110, 7.6.1).
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


class Proxy:
    """Looks after each instance all the time; `failures` says which requests it could not
    pass on and why.
    """

    def __init__(self, instances: Sequence[str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.failures: list[str] = []
        self._clients = {url: http_client(url, timeout=30) for url in instances}
        self._ready: frozenset[str] = frozenset()
        self._turns = itertools.count()
        self._stopping = threading.Event()

    def sends_to(self, instance: str) -> bool:
        """Whether new requests may go to it."""
        return instance in self._ready

    def look_after_instances(self) -> None:
        """Until stopped; each look takes a connection of its own, as a kubelet's does."""
        while not self._stopping.wait(0.05):
            self._ready = frozenset(filter(self._is_ready, self._clients))

    def pass_on(self, request: BaseHTTPRequestHandler) -> httpx2.Response:
        """The answer of an instance; 502 where there was none."""
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        ready = sorted(self._ready)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        try:
            client = self._clients[ready[next(self._turns) % len(ready)]]
            return client.request(request.command, request.path, content=body, headers=headers)
        except (ZeroDivisionError, httpx2.TransportError) as error:
            self.failures.append(repr(error))
            return httpx2.Response(502)

    def stop(self) -> None:
        """Look no more, and let the connections go."""
        self._stopping.set()
        for client in self._clients.values():
            client.close()

    def _is_ready(self, url: str) -> bool:
        with http_client(url, timeout=30) as client:
            return is_ready(client)


@contextmanager
def running_proxy(instances: Sequence[str]) -> Iterator[Proxy]:
    """A proxy in threads of this process."""
    proxy = Proxy(instances)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer = proxy.pass_on(self)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", proxy.port), Handler)
    server.daemon_threads = False
    threads = [
        threading.Thread(target=server.serve_forever, daemon=True),
        threading.Thread(target=proxy.look_after_instances, daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        proxy.stop()
        for thread in threads:
            thread.join()
