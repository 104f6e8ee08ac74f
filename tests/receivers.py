"""Receivers of notifications: web servers that behave and misbehave, and an SMTP server."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer; `raw` replaces it byte by byte, `delay` comes first."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    raw: bytes | None = None
    delay: float = 0.0


@dataclass
class WebReceiver:
    """Answers `replies` in turn, the last one for ever."""

    port: int
    received: list[Received]
    replies: list[Reply]
    on_request: Callable[[], None] = lambda: None
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"


class Server(ThreadingHTTPServer):
    """Takes many connections at once; five would be the default."""

    daemon_threads = True
    request_queue_size = 256


@contextmanager
def web_receiver(*replies: Reply, context: ssl.SSLContext | None = None) -> Iterator[WebReceiver]:
    """A threaded web server on a free port."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                receiver.received.append(Received(self.path, headers, body))
                rest = receiver.replies
                reply = rest.pop(0) if len(rest) > 1 else rest[0]
            receiver.on_request()
            _answer(self, reply)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = WebReceiver(server.server_port, [], list(replies) or [Reply()])
    receiver.scheme = "https" if context else "http"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


def _answer(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    time.sleep(reply.delay)
    try:
        if reply.raw is not None:
            handler.wfile.write(reply.raw)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)
    except OSError:
        pass


class Mailbox:
    """aiosmtpd's handler; `reply` instead of 250 while it is set."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.reply = ""
        self.refused_recipients: Sequence[str] = ()
        self.over_tls: list[bool] = []
        self.users: list[str] = []
        # Those that mails came in.
        self.sessions: list[Session] = []

    async def handle_RCPT(
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take every recipient but the refused ones."""
        if address in self.refused_recipients:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail."""
        if session not in self.sessions:
            self.sessions.append(session)
        if self.reply:
            return self.reply
        content = cast("bytes", envelope.content)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        self.envelopes.append(envelope)
        self.over_tls.append(session.ssl is not None)
        return "250 OK"

    def authenticate(
        self, _: SMTP, __: Session, ___: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """One user with one password."""
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        right = (data.login, data.password) == (b"fature", b"correct-horse")
        return AuthResult(success=right, handled=right)


@contextmanager
def smtp_server(
    mailbox: Mailbox,
    *,
    port: int = 0,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
) -> Iterator[int]:
    """An SMTP server on `port` or a free one; its port."""
    port = port or _free_port()
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        auth_required=login,
        auth_require_tls=login and tls is None,
        authenticator=mailbox.authenticate if login else None,
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@contextmanager
def raw_server(answer: bytes | None) -> Iterator[int]:
    """Says `answer` to whoever connects and hangs up; with None it says nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if answer is None:
                    kept.append(connection)
                else:
                    connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in kept:
                connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])
