"""The administration's pages of users."""

import re
import secrets

import httpx2
import pytest

from tests.acceptance.access import new_tenant, ok
from tests.acceptance.people import Person, add_person, new_email
from tests.acceptance.web import post, sign_in, signed_in, text_of, visitor
from tests.conftest import Service


def user(api: httpx2.Client, email: str) -> dict[str, object]:
    """A user as the API has them."""
    (found,) = (one for one in ok(api.get("/api/users")) if one["email"] == email)
    return dict(found)


def test_a_user_is_made_with_a_generated_password(service: Service, api: httpx2.Client) -> None:
    email = new_email()
    with signed_in(api) as browser:
        answer = post(browser, "/admin/users", email=email, role="operator", service_name="a/b")
        assert answer.headers["Cache-Control"] == "no-store"
        shown = re.search(r'id="secret" value="([^"]+)"', answer.text)
        assert shown, answer.text
        assert email in browser.get("/admin/users").text
    made = user(api, email)
    assert (made["role"], made["service_name"]) == ("operator", "a/b")
    with visitor(service.url) as client:
        assert sign_in(client, Person(0, email, shown[1])).status_code == 303


def test_a_user_is_edited_locked_out_and_deleted(service: Service, api: httpx2.Client) -> None:
    person, email = add_person(api, "reader", service_name="checkout"), new_email()
    path = f"/admin/users/{person.id}"
    with signed_in(api) as browser, visitor(service.url) as theirs:
        assert sign_in(theirs, person).status_code == 303
        assert 'value="checkout"' in browser.get(path).text
        fields = {"email": email, "name": "Ana", "role": "operator", "active": "true"}
        assert post(browser, path, **fields).status_code == 303
        changed = user(api, email)
        assert (changed["name"], changed["role"], changed["service_name"]) == (
            "Ana",
            "operator",
            None,
        )
        del fields["active"]
        assert post(browser, path, **fields).status_code == 303
        assert user(api, email)["active"] is False
        assert "Locked out" in text_of(browser.get("/admin/users"))
        assert theirs.get("/account").status_code == 303
        assert post(browser, f"{path}/delete").status_code == 303
        assert browser.get(path).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("email", "nobody", "This is no email address"),
        ("role", "owner", "Input should be"),
        ("password", "short", "at least 12 characters"),
    ],
)
def test_what_is_wrong_with_a_user_is_said(
    api: httpx2.Client, field: str, value: str, message: str
) -> None:
    fields = {"email": new_email(), "role": "reader", field: value}
    with signed_in(api) as browser:
        answer = post(browser, "/admin/users", **fields)
    assert answer.status_code == 422
    assert message in text_of(answer)


def test_an_email_is_somebodys_own(api: httpx2.Client) -> None:
    one, other = add_person(api, "reader"), add_person(api, "reader")
    with signed_in(api) as browser:
        answer = post(browser, "/admin/users", email=one.email.upper(), role="reader")
        assert answer.status_code == 409
        assert "Somebody else has that email" in text_of(answer)
        path = f"/admin/users/{other.id}"
        answer = post(browser, path, email=one.email, role="reader", active="true")
        assert answer.status_code == 409


def test_nobody_locks_themselves_out(service: Service, api: httpx2.Client) -> None:
    person = add_person(api, "admin")
    path = f"/admin/users/{person.id}"
    with visitor(service.url) as browser:
        assert sign_in(browser, person).status_code == 303
        page = browser.get(path)
        assert "This is you" in text_of(page)
        assert f"{path}/delete" not in page.text
        assert post(browser, path, email=person.email, name="Me").status_code == 303
    found = user(api, person.email)
    assert (found["name"], found["role"], found["active"]) == ("Me", "admin", True)


def test_users_are_those_of_the_tenant(api: httpx2.Client) -> None:
    with new_tenant(api, f"tenant-{secrets.token_hex(4)}") as admin:
        stranger = add_person(admin, "reader")
    with signed_in(api) as browser:
        assert stranger.email not in browser.get("/admin/users").text
        path = f"/admin/users/{stranger.id}"
        assert browser.get(path).status_code == 404
        assert post(browser, path, email=stranger.email, role="admin").status_code == 404
        assert post(browser, f"{path}/delete").status_code == 404


@pytest.mark.parametrize("role", ["operator", "writer", "reader"])
def test_users_are_for_admins(api: httpx2.Client, role: str) -> None:
    with signed_in(api, role) as browser:
        assert browser.get("/admin/users").status_code == 403
        assert post(browser, "/admin/users", email=new_email(), role="admin").status_code == 403
