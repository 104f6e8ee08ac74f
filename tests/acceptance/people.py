"""Users of the service under test, and the clients they log in with."""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, cast

import httpx2

from tests.clients import http_client

LOGIN = "/api/auth/login"
REFRESH = "/api/auth/refresh"
LOGOUT = "/api/auth/logout"
PASSWORD = "/api/auth/password"
USERS = "/api/users"

_numbers = itertools.count(secrets.randbelow(2**24) * 256)


@dataclass(frozen=True)
class Person:
    """A user and what they know."""

    id: int
    email: str
    password: str


def new_email() -> str:
    return f"user-{secrets.token_hex(6)}@example.com"


def add_person(admin: httpx2.Client, role: str = "reader", **fields: Any) -> Person:
    """A user made over HTTP."""
    body = {"email": new_email(), "role": role, "password": secrets.token_hex(8)} | fields
    answer = admin.post(USERS, json=body)
    assert answer.status_code == 201, answer.text
    return Person(answer.json()["data"]["id"], body["email"], body["password"])


def new_address() -> str:
    """An address nobody attempted anything from."""
    return str(IPv4Address((10 << 24) + next(_numbers) % 2**24))


@contextmanager
def browser(url: str, address: str | None = None) -> Iterator[httpx2.Client]:
    """A client without a key. The service takes the proxy in front of it, which is here, at
    its word about the client's address.
    """
    headers = {"X-Forwarded-For": address or new_address()}
    with http_client(url, headers=headers, timeout=30) as client:
        yield client


def try_login(
    client: httpx2.Client, person: Person, password: str | None = None
) -> httpx2.Response:
    body = {"email": person.email, "password": password or person.password}
    return client.post(LOGIN, json=body)


def log_in(client: httpx2.Client, person: Person) -> dict[str, Any]:
    """The answer to logging in, which has to succeed."""
    answer = try_login(client, person)
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


def bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


def status_with(client: httpx2.Client, access_token: str) -> int:
    """The answer to a read with that access token."""
    return client.get("/api/metrics/catalog", headers=bearer(access_token)).status_code


def refresh(client: httpx2.Client, refresh_token: str) -> httpx2.Response:
    return client.post(REFRESH, json={"refresh_token": refresh_token})
