"""Headers that browsers keep by, on every kind of answer."""

import httpx2
import pytest

from tests.clients import TLS
from tests.conftest import Service

pytestmark = pytest.mark.one_engine


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/health", 200),
        ("GET", "/api/metrics/catalog", 200),
        ("GET", "/api/metrics/query?limit=none", 422),
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/health", 405),
        ("GET", "/docs", 200),
        ("GET", "/api/openapi.json", 200),
    ],
)
def test_every_answer_has_them(api: httpx2.Client, method: str, path: str, status: int) -> None:
    answer = api.request(method, path)
    assert answer.status_code == status
    assert_secure(answer)


def test_refused_callers_get_them_too(service: Service) -> None:
    answer = httpx2.get(f"{service.url}/api/metrics/catalog", verify=TLS)
    assert answer.status_code == 401
    assert_secure(answer)


def assert_secure(answer: httpx2.Response) -> None:
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    policies = answer.headers.get_list("Content-Security-Policy")
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "frame-ancestors 'none'" in policies[0]
    assert "Server" not in answer.headers
