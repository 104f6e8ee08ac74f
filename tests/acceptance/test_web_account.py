"""The page of one's own account."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.acceptance.access import ok
from tests.acceptance.people import Person, add_person, log_in, refresh, status_with, try_login
from tests.acceptance.web import ACCESS, REFRESH, post, sign_in, text_of, visitor
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

NEW = "a whole new password"


@pytest.fixture
def person(api: httpx2.Client) -> Person:
    return add_person(api, "writer", name="Ana", service_name="checkout")


@pytest.fixture
def web(service: Service, person: Person) -> Iterator[httpx2.Client]:
    """A browser in which that person is signed in."""
    with visitor(service.url) as client:
        sign_in(client, person)
        yield client


def changed(client: httpx2.Client, current: str, new: str = NEW) -> httpx2.Response:
    return post(client, "/account/password", current_password=current, new_password=new)


def test_it_says_who_is_signed_in_and_is_in_the_menu(web: httpx2.Client, person: Person) -> None:
    page = web.get("/account")
    for words in (person.email, "Ana", "Writer", "checkout", "default"):
        assert words in text_of(page)
    assert 'href="/account"' in page.text
    assert "argon2" not in page.text


def test_nobody_sees_it_without_signing_in(service: Service) -> None:
    with visitor(service.url) as client:
        assert client.get("/account").headers["Location"] == "/sign-in?next=/account"


def test_another_password_keeps_this_browser_and_ends_the_others(
    service: Service, api: httpx2.Client, web: httpx2.Client, person: Person
) -> None:
    with visitor(service.url) as elsewhere:
        sign_in(elsewhere, person)
        tokens = log_in(elsewhere, person)
        answer = changed(web, person.password)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
        assert "The password is changed" in text_of(web.get("/account"))
        assert elsewhere.get("/account").status_code == 303
        assert status_with(elsewhere, tokens["access_token"]) == 401
        assert refresh(elsewhere, tokens["refresh_token"]).status_code == 401
    # Also once the access token is renewed.
    del web.cookies[ACCESS]
    assert web.get("/account").status_code == 200
    with visitor(service.url) as client:
        assert try_login(client, person).status_code == 401
        assert try_login(client, person, NEW).status_code == 200
    entries = ok(api.get("/api/audit", params={"target": f"user:{person.id}"}))
    assert entries[0]["action"] == "user.password"


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [
        ("not the password", NEW, "It is another one"),
        (None, "short", "At least 12 characters"),
        ("", NEW, "Field required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    web: httpx2.Client, person: Person, current: str | None, new: str, words: str
) -> None:
    answer = changed(web, person.password if current is None else current, new)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert "short" not in answer.text
    assert try_login(web, person).status_code == 200


def test_guessing_the_current_password_is_throttled(web: httpx2.Client, person: Person) -> None:
    for _ in range(10):
        assert changed(web, "a guess").status_code == 422
    answer = changed(web, person.password)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert "Too many attempts" in text_of(answer)


def test_signing_out_everywhere_ends_every_log_in(
    service: Service, api: httpx2.Client, web: httpx2.Client, person: Person
) -> None:
    with visitor(service.url) as elsewhere:
        sign_in(elsewhere, person)
        tokens = log_in(elsewhere, person)
        kept = dict(web.cookies)
        answer = post(web, "/account/sign-out")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
        assert ACCESS not in web.cookies
        assert REFRESH not in web.cookies
        assert elsewhere.get("/account").status_code == 303
        assert status_with(elsewhere, tokens["access_token"]) == 401
        assert refresh(elsewhere, tokens["refresh_token"]).status_code == 401
    web.cookies.update(kept)
    assert web.get("/account").status_code == 303
    assert sign_in(web, person).status_code == 303
    entries = ok(api.get("/api/audit", params={"target": f"user:{person.id}"}))
    assert entries[0]["action"] == "user.logout"


@pytest.mark.parametrize("path", ["/account/password", "/account/sign-out"])
def test_forms_of_other_sites_do_nothing(web: httpx2.Client, path: str) -> None:
    assert web.post(path, data={"csrf": "made.up"}).status_code == 403
    assert web.get("/account").status_code == 200
