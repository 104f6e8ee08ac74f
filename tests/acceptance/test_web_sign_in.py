"""Signing in to the pages, staying signed in, signing out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg
import pytest

from tests.acceptance.people import Person, add_person
from tests.acceptance.web import ACCESS, REFRESH, post, sign_in, signed_in, token_in, visitor
from tests.conftest import Service

pytestmark = pytest.mark.one_engine


@pytest.fixture
def web(service: Service) -> Iterator[httpx2.Client]:
    """A browser in which nobody is signed in."""
    with visitor(service.url) as client:
        yield client


@pytest.fixture
def person(api: httpx2.Client) -> Person:
    return add_person(api)


def test_a_page_leads_through_the_sign_in_page(web: httpx2.Client, person: Person) -> None:
    answer = web.get("/?from=here")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/sign-in?next=/%3Ffrom%3Dhere",
    )
    form = web.get(answer.headers["Location"])
    assert 'name="next" value="/?from=here"' in form.text
    gone_on = sign_in(web, person, next="/?from=here")
    assert (gone_on.status_code, gone_on.headers["Location"]) == (303, "/?from=here")
    assert web.get("/").status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"],
)
def test_signing_in_never_leads_to_another_site(
    web: httpx2.Client, person: Person, elsewhere: str
) -> None:
    assert sign_in(web, person, next=elsewhere).headers["Location"] == "/"


def test_cookies_are_out_of_reach(web: httpx2.Client, person: Person) -> None:
    cookies = sign_in(web, person).headers.get_list("set-cookie")
    kept = [cookie for cookie in cookies if cookie.startswith((ACCESS, REFRESH))]
    assert len(kept) == 2
    for cookie in kept:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        assert "secure" not in attributes


def test_behind_tls_cookies_are_for_tls_alone(service: Service, person: Person) -> None:
    with visitor(service.url) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        form = client.get("/sign-in")
        (before,) = [c for c in form.headers.get_list("set-cookie") if "browser" in c]
        assert before.startswith("__Host-fature_browser=")
        fields = {"csrf": token_in(form), "email": person.email, "password": person.password}
        answer = client.post("/sign-in", data=fields, headers={"Cookie": before.partition(";")[0]})
    assert answer.status_code == 303
    cookies = answer.headers.get_list("set-cookie")
    for name in (ACCESS, REFRESH):
        (cookie,) = [cookie for cookie in cookies if cookie.startswith(f"__Host-{name}=")]
        assert "; Secure" in cookie


def test_a_cookie_lets_nobody_into_the_api(api: httpx2.Client) -> None:
    with signed_in(api) as client:
        assert client.get("/api/metrics/catalog").status_code == 401


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_is_told_on_the_form(
    web: httpx2.Client, person: Person, password: str
) -> None:
    answer = post(web, "/sign-in", email=person.email, password=password)
    assert answer.status_code in (401, 422)
    assert "Email or password is wrong" in answer.text
    assert person.email in answer.text
    assert ACCESS not in web.cookies


def test_guessing_is_throttled_as_in_the_api(web: httpx2.Client, person: Person) -> None:
    for _ in range(10):
        assert post(web, "/sign-in", email=person.email, password="guess").status_code == 401
    answer = sign_in(web, person)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert "Too many attempts. Try again in 5 minutes." in answer.text


def test_an_access_token_that_is_gone_is_renewed(web: httpx2.Client, person: Person) -> None:
    sign_in(web, person)
    before = web.cookies[REFRESH]
    del web.cookies[ACCESS]
    assert web.get("/").status_code == 200
    assert ACCESS in web.cookies
    assert web.cookies[REFRESH] != before


def test_tabs_that_renew_at_once_stay_signed_in(service: Service, person: Person) -> None:
    with visitor(service.url) as web:
        sign_in(web, person)
        kept = web.cookies[REFRESH]

    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda _: reload(service.url, kept), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    # Whichever answer the browser keeps, it stays signed in with.
    for answer in answers:
        assert reload(service.url, answer.cookies[REFRESH]).status_code == 200


def reload(url: str, refresh_token: str) -> httpx2.Response:
    """A page in a tab whose access token is gone."""
    with visitor(url) as tab:
        return tab.get("/", headers={"Cookie": f"{REFRESH}={refresh_token}"})


def test_a_refresh_token_used_long_before_ends_the_log_in(
    service: Service, web: httpx2.Client, person: Person
) -> None:
    sign_in(web, person)
    stolen = web.cookies[REFRESH]
    del web.cookies[ACCESS]
    web.get("/")
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "UPDATE fature.refresh_token SET used_at = used_at - interval '21 seconds'"
            " WHERE user_id = %s AND used_at IS NOT NULL",
            [person.id],
        )
    with visitor(service.url) as thief:
        thief.cookies.update({REFRESH: stolen})
        assert thief.get("/").status_code == 303
    del web.cookies[ACCESS]
    assert web.get("/").status_code == 303


def test_signing_out_ends_the_log_in(web: httpx2.Client, person: Person) -> None:
    sign_in(web, person)
    kept = dict(web.cookies)
    answer = web.post("/sign-out", data={"csrf": token_in(web.get("/"))})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert ACCESS not in web.cookies
    assert REFRESH not in web.cookies
    web.cookies.update({REFRESH: kept[REFRESH]})
    assert web.get("/").status_code == 303
