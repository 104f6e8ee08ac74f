"""Connections as clients make them: bodies that are refused, requests that never end, and many that
say nothing.
"""

import resource
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from service.runtime.connections import INCOMPLETE_SECONDS
from tests.clients import http_client
from tests.conftest import ADMIN_KEY, DatabaseServer, Service, running_service

pytestmark = pytest.mark.one_engine

LARGE = b" " * (16 * 1024 * 1024)
JSON = {"Content-Type": "application/json"}
KEY = {"X-API-Key": ADMIN_KEY}


@pytest.fixture(scope="module")
def engine() -> str:
    """One engine is enough: the database is not what this is about."""
    return "plain"


def connect(service: Service) -> socket.socket:
    url = httpx2.URL(service.url)
    return socket.create_connection((url.host, url.port), timeout=60)


def chunks() -> Iterator[bytes]:
    for _ in range(256):
        yield LARGE[:65536]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON | KEY, 413),
        (JSON, 401),
        (JSON | {"X-API-Key": "wrong"}, 401),
        ({"Content-Type": "text/csv"} | KEY, 415),
        (JSON | KEY | {"Content-Encoding": "br"}, 415),
    ],
)
def test_a_client_that_sends_a_large_body_reads_why_it_is_refused(
    service: Service, headers: dict[str, str], status: int, chunked: bool
) -> None:
    content = chunks() if chunked else LARGE
    with http_client(service.url, timeout=60) as client:
        answer = client.post("/api/metrics", content=content, headers=headers)
        assert answer.status_code == status
        assert answer.json()["success"] is False
        assert client.get("/api/health").status_code == 200


@pytest.mark.parametrize("expect", ["Expect:", "Expect: 100-continue"])
@pytest.mark.parametrize("encoding", ["Content-Type: x/y", "Transfer-Encoding: chunked"])
def test_curl_reads_it_too(service: Service, tmp_path: Path, expect: str, encoding: str) -> None:
    body = tmp_path / "body"
    body.write_bytes(LARGE)
    command = ["/usr/bin/curl", "-sS", "-o", str(tmp_path / "answer"), "-w", "%{http_code}"]
    headers = ["-H", "X-API-Key: " + ADMIN_KEY, "-H", expect, "-H", encoding]
    asked = subprocess.run(
        [*command, *headers, "--data-binary", f"@{body}", f"{service.url}/api/metrics"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout in ("413", "415")


def test_who_waits_to_be_told_to_go_on_is_refused_at_once(service: Service) -> None:
    head = (
        "POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-API-Key: {ADMIN_KEY}\r\nContent-Length: {len(LARGE)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with connect(service) as connection:
        connection.sendall(head.encode())
        received = connection.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in received.lower()


def test_requests_that_do_not_end_are_given_up(service: Service) -> None:
    starts = [
        b"",
        b"POST /api/metr",
        b"GET /api/health HTTP/1.1\r\nHost: x\r\n",
        b"POST /api/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"X-API-Key: " + ADMIN_KEY.encode() + b"\r\nContent-Length: 100\r\n\r\n{",
    ]
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(service)) for _ in starts]
        for connection, start in zip(connections, starts, strict=True):
            connection.sendall(start)
            connection.settimeout(INCOMPLETE_SECONDS * 2)
        assert [connection.recv(1) for connection in connections] == [b""] * len(starts)


def test_idle_connections_lock_nobody_out(database_of: DatabaseServer, tmp_path: Path) -> None:
    with running_service(tmp_path, database_of.new_database()) as service, ExitStack() as stack:
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        for number in range(300):
            connection = stack.enter_context(connect(service))
            if number % 2:
                connection.sendall(b"GET /api/he")
        with http_client(service.url, headers=KEY, timeout=20) as client:
            for path in ("/api/health", "/api/ready", "/api/metrics/catalog"):
                assert client.get(path).status_code == 200
        assert '"event":"connections_limited"' in service.log.read_text()


def test_the_service_takes_all_the_files_that_it_may(
    database_of: DatabaseServer, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        with running_service(tmp_path, database_of.new_database()) as service:
            limits, _ = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert limits == min(hard, 65_536)
