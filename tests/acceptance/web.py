"""Steps of the tests of pages as a browser would do them, without one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

import httpx2

from tests.acceptance.people import Person, add_person, browser

ACCESS, REFRESH = "fature_access", "fature_refresh"
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


def token_in(answer: httpx2.Response) -> str:
    """The token of the forms on a page."""
    match = _TOKEN.search(answer.text)
    assert match, answer.text
    return match[1]


def post(client: httpx2.Client, path: str, **fields: object) -> httpx2.Response:
    """Send a form, with a token as the page with that form would have it."""
    token = token_in(client.get("/sign-in", follow_redirects=True))
    return client.post(path, data={"csrf": token, **fields})


def sign_in(client: httpx2.Client, person: Person, **fields: str) -> httpx2.Response:
    return post(client, "/sign-in", email=person.email, password=person.password, **fields)


@contextmanager
def visitor(url: str) -> Iterator[httpx2.Client]:
    """A browser that reads English."""
    with browser(url) as client:
        client.headers.update({"Accept": "text/html", "Accept-Language": "en"})
        yield client


@contextmanager
def signed_in(
    admin: httpx2.Client, role: str = "admin", **fields: object
) -> Iterator[httpx2.Client]:
    """A browser in which a new user of that role is signed in."""
    with visitor(str(admin.base_url).rstrip("/")) as client:
        answer = sign_in(client, add_person(admin, role, **fields))
        assert answer.status_code == 303, answer.text
        yield client


def text_of(answer: httpx2.Response) -> str:
    """The text of a page, without its markup."""
    body = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>", " ", answer.text.replace("<wbr>", ""))
    return " ".join(unescape(body).split())
