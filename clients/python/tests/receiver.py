"""A service that answers as it is told to, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    """A request that arrived."""

    key: str
    headers: dict[str, str]
    samples: list[dict[str, Any]]


@dataclass(frozen=True)
class Reply:
    """A status and what comes with it; status 0 breaks the connection off."""

    status: int = 201
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Receiver:
    """`answer` says what becomes of a call; `stored` are the samples of those that were 201,
    once for each key, as the service does.
    """

    answer: Callable[[Call], Reply] = lambda _: Reply()
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    stored: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def values(self) -> list[float]:
        """The values of what is stored, in their order."""
        return [sample["value"] for samples in self.stored.values() for sample in samples]


def refusal(*indices: int) -> Reply:
    """422 that names samples."""
    details = [{"index": index, "field": "value", "message": "no"} for index in indices]
    return Reply(422, {"success": False, "error": {"message": "wrong", "details": details}})


@contextmanager
def receiving(answer: Callable[[Call], Reply] = lambda _: Reply()) -> Iterator[Receiver]:
    """A running receiver."""
    receiver = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers["Idempotency-Key"]
            call = Call(key, dict(self.headers), json.loads(body)["metrics"])
            receiver.calls.append(call)
            reply = receiver.answer(call)
            if reply.status in (201, 0):
                receiver.stored.setdefault(key, call.samples)
            if reply.status == 0:
                self.close_connection = True
                return
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
