"""Callers of every kind, for the tests of who may do what."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2

from tests.clients import http_client


def caller(url: str, key: str | None) -> httpx2.Client:
    """A client with that key, or with none."""
    headers = {"X-API-Key": key} if key else {}
    return http_client(url, headers=headers, timeout=30)


def issued(admin: httpx2.Client, role: str, **fields: object) -> dict[str, Any]:
    """A key that was just issued, with the key itself."""
    answer = admin.post("/api/keys", json={"name": f"a {role}", "role": role, **fields})
    assert answer.status_code == 201, answer.text
    return cast("dict[str, Any]", answer.json()["data"])


def with_new_key(admin: httpx2.Client, role: str, **fields: object) -> httpx2.Client:
    """A client with a key that was just issued."""
    return caller(str(admin.base_url), issued(admin, role, **fields)["key"])


def new_tenant(admin: httpx2.Client, tenant: str) -> httpx2.Client:
    """A tenant that was just made, as its first admin."""
    answer = admin.post("/api/tenants", json={"tenant": tenant})
    assert answer.status_code == 201, answer.text
    return with_new_key(admin, "admin", tenant=tenant)


def ends_in(seconds: float) -> str:
    """An instant for ``expires_at``."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def ok(answer: httpx2.Response) -> Any:
    """The data of an answer that is a success."""
    assert answer.is_success, answer.text
    return answer.json()["data"]
