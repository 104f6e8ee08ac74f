"""Nobody is shown a link or a button that would be refused."""

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from starlette.routing import Match

from service.access.caller import Role, scopes_of
from service.features import PAGES
from service.web.page import routes_of
from tests.acceptance.talk import ONE, sample
from tests.acceptance.web import signed_in

pytestmark = pytest.mark.one_engine

_LINKS = re.compile(r'<a\b[^>]*\bhref="([^"]+)"')
_ACTIONS = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*\baction="([^"]+)"|\bformaction="([^"]+)"')
# Of each kind of page.
_MOST = 4
_ROUTES = routes_of(PAGES)


def route_of(path: str) -> str | None:
    """The path of the route that answers an address; None where none of the pages' does."""
    scope = {"type": "http", "path": urlsplit(path).path, "method": "GET"}
    for route in _ROUTES:
        if route.matches(scope)[0] is not Match.NONE:
            return route.path
    return None


def looked_at(browser: httpx2.Client) -> Iterator[tuple[str, httpx2.Response]]:
    """The pages that links lead to, a few of each kind."""
    waiting, seen = ["/"], {"/"}
    count: Counter[str] = Counter()
    while waiting:
        path = waiting.pop(0)
        answer = browser.get(path)
        yield path, answer
        for found in (*_LINKS.findall(answer.text), answer.headers.get("Location", "")):
            target = urljoin(path, unescape(found))
            kind = route_of(target)
            if target in seen or kind is None or count[kind] >= _MOST:
                continue
            count[kind] += 1
            seen.add(target)
            waiting.append(target)


@pytest.fixture
def lively(api: httpx2.Client) -> None:
    """Metrics and health of a service."""
    body = sample("revenue_hourly", unit="BRL", service_name="checkout")
    assert api.post(ONE, json=body).status_code == 201
    health = {"service_name": "checkout", "status": "healthy", "response_time_ms": 5}
    assert api.post("/api/services/health", json=health).is_success


@pytest.mark.usefixtures("lively")
@pytest.mark.parametrize(
    ("role", "service_name", "fewest"),
    [
        ("admin", None, 25),
        ("operator", None, 20),
        ("reader", None, 10),
        ("operator", "checkout", 10),
        ("reader", "checkout", 8),
        ("writer", "checkout", 5),
    ],
)
def test_what_is_shown_is_not_refused(
    api: httpx2.Client, role: Role, service_name: str | None, fewest: int
) -> None:
    may = scopes_of(role, service_name)
    scopes = {page.path: page.scope for page in PAGES if page.method == "POST"}
    bound = {"service_name": service_name} if service_name else {}
    kinds = set()
    with signed_in(api, role, **bound) as browser:
        for path, answer in looked_at(browser):
            assert answer.status_code in (200, 303), f"{path}: {answer.status_code}"
            kinds.add(route_of(path))
            for groups in _ACTIONS.findall(answer.text):
                action = route_of(unescape(next(filter(None, groups))))
                assert action in scopes, f"{path} sends a form to {groups}"
                assert scopes[action] is None or scopes[action] in may, f"{path}: {action}"
    assert len(kinds) >= fewest, sorted(map(str, kinds))
