"""Forms are taken from pages of this site only."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.acceptance.web import signed_in, token_in

pytestmark = pytest.mark.one_engine

CHOICE = {"theme": "dark", "next": "/"}


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    """A browser in which an admin is signed in."""
    with signed_in(api) as client:
        yield client


def test_a_form_needs_its_token(web: httpx2.Client) -> None:
    for token in ("", "nonsense", "a.b", "é.ü"):
        answer = web.post("/preferences", data={**CHOICE, "csrf": token})
        assert answer.status_code == 403
        assert "This form is out of date" in answer.text
    assert web.post("/preferences", data=CHOICE).status_code == 403
    assert web.post("/sign-out").status_code == 403


def test_every_page_has_another_token_that_holds(web: httpx2.Client) -> None:
    first, second = (token_in(web.get("/")) for _ in range(2))
    assert first != second
    for token in (first, second):
        assert web.post("/preferences", data={**CHOICE, "csrf": token}).status_code == 303


def test_the_header_of_scripts_does_as_well(web: httpx2.Client) -> None:
    headers = {"X-CSRF-Token": token_in(web.get("/"))}
    assert web.post("/preferences", data=CHOICE, headers=headers).status_code == 303


def test_a_token_is_of_one_log_in_alone(api: httpx2.Client, web: httpx2.Client) -> None:
    with signed_in(api) as other:
        theirs = token_in(other.get("/"))
    assert web.post("/preferences", data={**CHOICE, "csrf": theirs}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://elsewhere"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
    ],
)
def test_a_form_of_another_site_is_refused(
    web: httpx2.Client, headers: dict[str, str], status: int
) -> None:
    data = {**CHOICE, "csrf": token_in(web.get("/"))}
    assert web.post("/preferences", data=data, headers=headers).status_code == status


def test_a_form_from_here_is_taken(web: httpx2.Client) -> None:
    data = {**CHOICE, "csrf": token_in(web.get("/"))}
    headers = {"Origin": str(web.base_url).rstrip("/")}
    assert web.post("/preferences", data=data, headers=headers).status_code == 303


def test_a_form_is_at_most_4_mib(web: httpx2.Client) -> None:
    data = {"csrf": token_in(web.get("/")), "next": "x" * 5 * 1024 * 1024}
    assert web.post("/preferences", data=data).status_code == 413
