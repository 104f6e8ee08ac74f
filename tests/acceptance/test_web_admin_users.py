"""The administration's pages of users."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.access import new_tenant, ok
from tests.acceptance.people import (
    USERS,
    Person,
    add_person,
    log_in,
    new_email,
    status_with,
    try_login,
)
from tests.acceptance.web import post, sign_in, signed_in, text_of, token_in, visitor
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

LIST = "/admin/users"


@pytest.fixture
def own(api: httpx2.Client) -> Person:
    """Whoever looks."""
    return add_person(api, "admin")


@pytest.fixture
def web(service: Service, own: Person) -> Iterator[httpx2.Client]:
    """A browser in which that admin is signed in."""
    with visitor(service.url) as client:
        sign_in(client, own)
        yield client


def entry(api: httpx2.Client, **fields: object) -> dict[str, Any] | None:
    """The user with those fields, as the API lists them."""
    found = (one for one in ok(api.get(USERS)) if fields.items() <= one.items())
    return next(found, None)


def row_of(page: httpx2.Response, email: str) -> str:
    """The list's row of one user."""
    (row,) = [row for row in re.findall(r"(?s)<tr>.*?</tr>", page.text) if email in row]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_everybody_of_the_tenant_is_listed(api: httpx2.Client, web: httpx2.Client) -> None:
    person = add_person(api, "writer", name="Ana Lima", service_name="checkout")
    shown = row_of(web.get(LIST), person.email)
    for words in ("Ana Lima", "Writer", "checkout", "Active", "–"):
        assert words in shown
    log_in(web, person)
    assert "second" in row_of(web.get(LIST), person.email)
    page = web.get(LIST).text
    assert [one["email"] for one in ok(api.get(USERS))] == re.findall(
        r'<a href="/admin/users/\d+">([^<]+)</a>', page
    )
    assert "argon2" not in page


def test_a_user_is_made_with_a_password(api: httpx2.Client, web: httpx2.Client) -> None:
    fields = {"email": new_email(), "name": "Rui", "role": "reader", "service_name": "checkout"}
    answer = post(web, LIST, **fields, password="long enough for anybody")
    assert (answer.status_code, answer.headers["Location"]) == (303, LIST)
    made = entry(api, **fields, active=True)
    assert made is not None
    person = Person(made["id"], fields["email"], "long enough for anybody")
    assert try_login(web, person).status_code == 200


def test_a_generated_password_is_shown_once(api: httpx2.Client, web: httpx2.Client) -> None:
    email = new_email()
    answer = post(web, LIST, email=email, role="operator")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    match = re.search(r'id="password" readonly value="([^"]+)"', answer.text)
    assert match
    made = entry(api, email=email)
    assert made is not None
    log_in(web, Person(made["id"], email, match[1]))
    assert match[1] not in web.get(f"{LIST}/{made['id']}").text


def test_a_reload_makes_no_second_user(api: httpx2.Client, web: httpx2.Client) -> None:
    fields = {"email": new_email(), "role": "reader", "csrf": token_in(web.get(LIST))}
    assert web.post(LIST, data=fields).status_code == 201
    again = web.post(LIST, data=fields)
    assert (again.status_code, again.headers["location"]) == (303, LIST)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"email": "nobody"}, "This is no email address"),
        ({"email": ""}, "Field required"),
        ({"password": "short"}, "At least 12 characters"),
        ({"role": "owner"}, "Something is not right"),
        ({"tenant": "other"}, "Unknown name"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_the_rest_stays_filled_in(
    api: httpx2.Client, web: httpx2.Client, change: dict[str, str], words: str
) -> None:
    fields = {"email": new_email(), "role": "operator", "name": "Stays"} | change
    answer = post(web, LIST, **fields)
    assert answer.status_code == 422
    assert words in text_of(answer)
    assert 'value="Stays"' in answer.text
    assert entry(api, email=fields["email"]) is None


def test_an_email_belongs_to_one_user(api: httpx2.Client, web: httpx2.Client) -> None:
    one, other = add_person(api), add_person(api)
    answer = post(web, LIST, email=one.email, role="reader")
    assert (answer.status_code, "another user" in answer.text) == (409, True)
    answer = post(web, f"{LIST}/{other.id}", email=one.email, role="reader", active="true")
    assert (answer.status_code, "another user" in answer.text) == (409, True)


def test_a_user_is_edited_and_locked(api: httpx2.Client, web: httpx2.Client) -> None:
    person = add_person(api, "reader", service_name="checkout")
    token = log_in(web, person)["access_token"]
    path = f"{LIST}/{person.id}"
    form = web.get(path).text
    assert f'value="{person.email}"' in form
    assert 'value="checkout"' in form
    fields = {"email": person.email, "name": "Ana", "role": "operator", "service_name": ""}
    assert post(web, path, **fields, active="true").status_code == 303
    edited = fields | {"service_name": None, "active": True}
    assert entry(api, id=person.id, **edited) is not None
    assert status_with(web, token) == 401
    assert post(web, path, **fields).status_code == 303
    assert entry(api, id=person.id, active=False) is not None
    assert "Locked" in row_of(web.get(LIST), person.email)
    assert try_login(web, person).status_code == 401


def test_a_password_is_set(api: httpx2.Client, web: httpx2.Client) -> None:
    person = add_person(api)
    token = log_in(web, person)["access_token"]
    path = f"{LIST}/{person.id}/password"
    assert post(web, path, password="short").status_code == 422
    assert post(web, path, password="another long password").status_code == 303
    assert status_with(web, token) == 401
    assert try_login(web, person).status_code == 401
    assert try_login(web, person, "another long password").status_code == 200


def test_a_user_is_deleted_after_a_question(api: httpx2.Client, web: httpx2.Client) -> None:
    person = add_person(api)
    path = f"{LIST}/{person.id}/delete"
    assert f"Delete {person.email}?" in text_of(web.get(path))
    assert entry(api, id=person.id) is not None
    assert post(web, path).status_code == 303
    assert entry(api, id=person.id) is None
    assert web.get(path).status_code == 404
    assert post(web, path).status_code == 404


def test_nobody_locks_themselves_out(api: httpx2.Client, web: httpx2.Client, own: Person) -> None:
    path = f"{LIST}/{own.id}"
    page = web.get(path).text
    assert f"{path}/delete" not in page
    assert f"{path}/delete" not in web.get(LIST).text
    assert 'name="role"' not in page
    assert web.get(f"{path}/delete").status_code == 409
    assert post(web, f"{path}/delete").status_code == 409
    assert post(web, f"{path}/password", password="another long password").status_code == 409
    assert post(web, path, email=own.email, role="reader").status_code == 422
    assert post(web, path, email=own.email, name="Eva").status_code == 303
    mine = {"id": own.id, "role": "admin", "active": True, "name": "Eva"}
    assert entry(api, **mine) is not None


@pytest.mark.parametrize("role", ["operator", "writer", "reader"])
def test_only_admins_come_in(api: httpx2.Client, role: str) -> None:
    person = add_person(api)
    with signed_in(api, role) as client:
        for path in (LIST, f"{LIST}/new", f"{LIST}/{person.id}", f"{LIST}/{person.id}/delete"):
            assert client.get(path).status_code == 403
        for path in (LIST, f"{LIST}/{person.id}/delete", f"{LIST}/{person.id}/password"):
            assert post(client, path).status_code == 403
    with signed_in(api, "admin", service_name="checkout") as client:
        assert client.get(LIST).status_code == 403


def test_another_tenants_users_are_out_of_reach(
    service: Service, api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    with new_tenant(api, metric.lower().replace(".", "-")[:60]) as other:
        stranger, foreign = add_person(other), add_person(other, "admin")
    person = add_person(api)
    assert stranger.email not in web.get(LIST).text
    for path in (f"{LIST}/{stranger.id}", f"{LIST}/{stranger.id}/delete"):
        assert web.get(path).status_code == 404
        assert post(web, path, email=stranger.email, role="reader").status_code == 404
    assert post(web, f"{LIST}/{stranger.id}/password", password="p" * 12).status_code == 404
    with visitor(service.url) as client:
        sign_in(client, foreign)
        page = client.get(LIST).text
        assert stranger.email in page
        assert person.email not in page
        email = new_email()
        assert post(client, LIST, email=email, role="reader").status_code == 201
    with psycopg.connect(service.database_url) as conn:
        row = conn.execute(
            "SELECT tenant FROM fature.api_user WHERE email = %s", [email]
        ).fetchone()
    assert row is not None
    assert row[0] != "default"


def test_forms_of_other_sites_do_nothing(api: httpx2.Client, web: httpx2.Client) -> None:
    person = add_person(api)
    for path in (LIST, f"{LIST}/{person.id}", f"{LIST}/{person.id}/delete"):
        assert web.post(path, data={"csrf": "made.up"}).status_code == 403
    assert entry(api, id=person.id) is not None
