"""The administration's pages of API keys."""

import re
import secrets
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import pairwise
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.access import caller, ends_in, issued, new_tenant, ok
from tests.acceptance.talk import ONE, sample
from tests.acceptance.web import post, signed_in, text_of, token_in
from tests.clients import TLS
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

LIST = "/admin/keys"


@pytest.fixture
def web(api: httpx2.Client) -> Iterator[httpx2.Client]:
    """A browser in which an admin is signed in."""
    with signed_in(api) as client:
        yield client


def entry(api: httpx2.Client, name: str) -> dict[str, Any]:
    """The key of that name, as the API lists it."""
    (found,) = [one for one in ok(api.get("/api/keys")) if one["name"] == name]
    return dict(found)


def key_in(answer: httpx2.Response) -> str:
    """The key that a page shows this once."""
    match = re.search(r'id="key" readonly value="(fature_[^"]+)"', answer.text)
    assert match, text_of(answer)
    return match[1]


def tried(answer: httpx2.Response) -> httpx2.Response:
    """The answer to the command that a page shows to try a key, done as curl does it."""
    match = re.search(r'(?s)id="trial">(.*?)</pre>', answer.text)
    assert match, text_of(answer)
    words = shlex.split(unescape(match[1]).replace("\\\n", ""))
    assert words[0] == "curl"
    given = list(pairwise(words[2:]))
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    body = next((value for option, value in given if option == "-d"), None)
    return httpx2.request(
        "POST" if body else "GET", words[1], headers=headers, content=body, verify=TLS
    )


def row_of(page: httpx2.Response, name: str) -> str:
    """The list's row of one key."""
    (row,) = [row for row in re.findall(r"(?s)<tr>.*?</tr>", page.text) if f">{name}<" in row]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split())


def test_a_key_is_made_and_shown_once(
    service: Service, api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    fields = {"name": metric, "role": "writer", "service_name": "checkout", "life": "90"}
    answer = post(web, LIST, **fields)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    key = key_in(answer)
    made = entry(api, metric)
    assert (made["role"], made["service_name"]) == ("writer", "checkout")
    assert made["created_by"].startswith("user:")
    expires = datetime.fromisoformat(made["expires_at"])
    assert abs(expires - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=5)
    with caller(service.url, key) as client:
        assert client.post(ONE, json=sample(metric)).status_code == 201
    page = web.get(LIST)
    assert key not in page.text
    shown = row_of(page, metric)
    for words in (made["prefix"], "Writer", "checkout", "all of the role", "In use"):
        assert words in shown


def test_a_reload_makes_no_second_key(api: httpx2.Client, web: httpx2.Client, metric: str) -> None:
    fields = {"name": metric, "role": "reader", "life": "90", "csrf": token_in(web.get(LIST))}
    key = key_in(web.post(LIST, data=fields))
    again = web.post(LIST, data=fields)
    assert (again.status_code, again.headers["location"]) == (303, LIST)
    page = web.get(LIST)
    assert "sent twice and counts once" in text_of(page)
    assert key not in page.text
    assert [one["name"] for one in ok(api.get("/api/keys"))].count(metric) == 1
    assert web.post(LIST, data=fields | {"name": f"{metric}-b"}).status_code == 201


def test_a_reload_rotates_no_second_time(
    service: Service, api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    path = f"{LIST}/{issued(api, 'reader', name=metric)['id']}/rotate"
    fields = {"csrf": token_in(web.get(path))}
    key = key_in(web.post(path, data=fields))
    assert web.post(path, data=fields).headers["location"] == LIST
    with caller(service.url, key) as client:
        assert client.get("/api/metrics/catalog").status_code == 200


def test_what_was_refused_may_be_sent_again(web: httpx2.Client, metric: str) -> None:
    fields = {"name": "", "role": "reader", "life": "90", "csrf": token_in(web.get(LIST))}
    assert [web.post(LIST, data=fields).status_code for _ in range(2)] == [422, 422]


@pytest.mark.parametrize("role", ["admin", "operator", "writer", "reader"])
def test_the_command_shown_works_as_it_is(web: httpx2.Client, metric: str, role: str) -> None:
    answer = post(web, LIST, name=metric, role=role, life="7")
    assert tried(answer).status_code in (200, 201)


def test_a_key_may_less_than_its_role(
    service: Service, api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    answer = post(web, LIST, name=metric, role="operator", scopes=["metrics:read"], life="")
    made = entry(api, metric)
    assert made["scopes"] == ["metrics:read"]
    assert made["expires_at"] is None
    with caller(service.url, key_in(answer)) as client:
        assert client.get("/api/metrics/catalog").status_code == 200
        assert client.get("/api/alerts/rules").status_code == 403
    shown = row_of(web.get(LIST), metric)
    assert "Read metrics" in shown
    assert "alerts" not in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "Field required"),
        ({"role": "owner"}, "Something is not right"),
        ({"role": "reader", "scopes": ["keys:admin"]}, "The role reader has no scope keys:admin"),
        ({"role": "admin", "service_name": "checkout"}, "cannot be bound to one service"),
        ({"life": "forever"}, "Choose one of these"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_the_rest_stays_filled_in(
    api: httpx2.Client, web: httpx2.Client, metric: str, change: dict[str, Any], words: str
) -> None:
    fields = {"name": metric, "role": "reader", "service_name": "", "life": "30"} | change
    answer = post(web, LIST, **fields)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert f'value="{fields["name"]}"' in answer.text
    assert all(one["name"] != metric for one in ok(api.get("/api/keys")))


def test_a_key_is_rotated_after_a_question(
    service: Service, api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    made = issued(api, "reader", name=metric)
    path = f"{LIST}/{made['id']}/rotate"
    assert f"Rotate {metric}?" in text_of(web.get(path))
    with caller(service.url, made["key"]) as before:
        assert before.get("/api/metrics/catalog").status_code == 200
        answer = post(web, path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert before.get("/api/metrics/catalog").status_code == 401
    with caller(service.url, key_in(answer)) as after:
        assert after.get("/api/metrics/catalog").status_code == 200


def test_a_key_is_revoked_after_a_question(
    service: Service, api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    made = issued(api, "reader", name=metric)
    path = f"{LIST}/{made['id']}/revoke"
    with caller(service.url, made["key"]) as client:
        assert f"Revoke {metric}?" in text_of(web.get(path))
        assert client.get("/api/metrics/catalog").status_code == 200
        assert post(web, path).status_code == 303
        assert client.get("/api/metrics/catalog").status_code == 401
    page = web.get(LIST)
    assert "Revoked" in row_of(page, metric)
    assert path not in page.text
    assert post(web, f"{LIST}/{made['id']}/rotate").status_code == 409


def test_the_list_says_what_expires(
    service: Service, api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    made = issued(api, "reader", name=metric, expires_at=ends_in(3600))
    assert "Expires soon" in row_of(web.get(LIST), metric)
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "UPDATE fature.api_key SET expires_at = now() - interval '1 minute', "
            "last_used_at = now() - interval '2 hours' WHERE key_id = %s",
            [made["id"]],
        )
    shown = row_of(web.get(LIST), metric)
    assert "Expired" in shown
    assert "2 hours ago" in shown


@pytest.mark.parametrize("role", ["operator", "writer", "reader"])
def test_only_admins_come_in(api: httpx2.Client, metric: str, role: str) -> None:
    made = issued(api, "reader", name=metric)
    with signed_in(api, role) as client:
        for path in (LIST, f"{LIST}/new", f"{LIST}/{made['id']}/rotate"):
            assert client.get(path).status_code == 403
        for path in (LIST, f"{LIST}/{made['id']}/revoke", f"{LIST}/{made['id']}/rotate"):
            assert post(client, path).status_code == 403
    assert entry(api, metric)["revoked_at"] is None


def test_another_tenants_keys_are_out_of_reach(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    with new_tenant(api, metric.lower().replace(".", "-")[:60]) as other:
        made = issued(other, "reader", name=metric)
        for action in ("rotate", "revoke"):
            path = f"{LIST}/{made['id']}/{action}"
            assert web.get(path).status_code == 404
            assert post(web, path).status_code == 404
        assert metric not in web.get(LIST).text
        assert entry(other, metric)["revoked_at"] is None


def test_forms_of_other_sites_do_nothing(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    made = issued(api, "reader", name=metric)
    for path in (LIST, f"{LIST}/{made['id']}/revoke", f"{LIST}/{made['id']}/rotate"):
        assert web.post(path, data={"csrf": "made.up"}).status_code == 403
    assert entry(api, metric)["revoked_at"] is None


def test_a_new_tenant_gets_its_first_key_here(service: Service, api: httpx2.Client) -> None:
    tenant = f"tenant-{secrets.token_hex(4)}"
    new_tenant(api, tenant).close()
    fields = {"name": "first", "role": "admin", "life": "", "tenant": tenant}
    with signed_in(api) as browser:
        nowhere = post(browser, "/admin/keys", **fields | {"tenant": "nowhere-at-all"})
        assert nowhere.status_code == 422
        assert "There is no tenant nowhere-at-all" in text_of(nowhere)
        made = post(browser, "/admin/keys", **fields)
        assert made.status_code == 201
        key = key_in(made)
    with caller(service.url, key) as client:
        assert {one["tenant"] for one in ok(client.get("/api/keys"))} == {tenant}
        with signed_in(client) as browser:
            assert 'name="tenant"' not in browser.get("/admin/keys/new").text
            answer = post(browser, "/admin/keys", **fields | {"tenant": "default"})
            assert answer.status_code == 403
