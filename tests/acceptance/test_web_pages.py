"""Properties of every page."""

import re
from collections.abc import Iterator

import httpx2
import pytest

from tests.acceptance.web import post, signed_in, text_of, visitor
from tests.clients import TLS
from tests.conftest import Service

pytestmark = pytest.mark.one_engine


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    """A browser in which an admin is signed in."""
    with signed_in(api) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/sign-in", 303), ("/nothing", 404), ("/account", 200), ("/admin/keys/new", 200)],
)
def test_no_script_or_style_is_inline(web: httpx2.Client, path: str, status: int) -> None:
    answer = web.get(path)
    assert answer.status_code == status
    (policy,) = answer.headers.get_list("Content-Security-Policy")
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", answer.text)
    for attributes in re.findall(r"<script\b([^>]*)>", answer.text):
        assert "src=" in attributes or 'type="application/json"' in attributes


def test_an_unknown_page_is_html_and_an_unknown_endpoint_json(service: Service) -> None:
    page = httpx2.get(f"{service.url}/nothing", headers={"Accept": "text/html"}, verify=TLS)
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")
    endpoint = httpx2.get(f"{service.url}/api/nothing", headers={"Accept": "text/html"}, verify=TLS)
    assert endpoint.headers["Content-Type"] == "application/json"


def test_files_are_kept_for_ever_and_sent_packed(web: httpx2.Client) -> None:
    page = web.get("/")
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"#]+)"', page.text))
    assert {address.rpartition("/")[2] for address in addresses} >= {"style.css", "htmx.js"}
    for address in addresses:
        file = web.get(address)
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert file.headers["Content-Encoding"] == "gzip"
        plain = web.get(address, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        assert plain.content == file.content
        assert "Set-Cookie" not in file.headers


def test_a_file_of_another_version_is_not_kept(web: httpx2.Client) -> None:
    answer = web.get("/static/000000000000/style.css")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert web.get("/static/000000000000/nothing.css").status_code == 404
    assert web.get("/static/000000000000/../app.py").status_code == 404


def test_pages_are_sent_packed(web: httpx2.Client) -> None:
    assert web.get("/").headers["Content-Encoding"] == "gzip"


def test_the_language_is_the_browsers_until_one_is_chosen(service: Service) -> None:
    with visitor(service.url) as client:
        client.headers["Accept-Language"] = "pt-BR,pt;q=0.9"
        page = client.get("/sign-in")
        assert '<html lang="pt-BR"' in page.text
        assert "Senha" in text_of(page)
        post(client, "/preferences", language="en", next="/sign-in")
        page = client.get("/sign-in")
        assert '<html lang="en"' in page.text
        assert "Password" in text_of(page)


def test_light_or_dark_is_kept(web: httpx2.Client) -> None:
    assert "data-theme" not in web.get("/").text
    post(web, "/preferences", theme="dark", next="/")
    assert 'data-theme="dark"' in web.get("/").text
    post(web, "/preferences", theme="auto", next="/")
    assert "data-theme" not in web.get("/").text


@pytest.mark.parametrize("choice", [{"theme": "pink"}, {"language": "klingon"}])
def test_an_unknown_choice_is_refused(web: httpx2.Client, choice: dict[str, str]) -> None:
    assert post(web, "/preferences", **choice).status_code == 422


def test_a_script_that_is_signed_out_is_told_where_to_sign_in(service: Service) -> None:
    with visitor(service.url) as client:
        headers = {"HX-Request": "true", "HX-Current-URL": f"{service.url}/?a=b"}
        answer = client.get("/", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["HX-Retarget"] == "#notices"
        assert "HX-Redirect" not in answer.headers
        assert 'href="/sign-in?next=/%3Fa%3Db"' in answer.text
        assert client.get("/", headers={"Accept": "text/event-stream"}).status_code == 204
