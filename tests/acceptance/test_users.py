"""Managing users over HTTP and from the shell."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.people import (
    USERS,
    Person,
    add_person,
    bearer,
    browser,
    log_in,
    new_email,
    try_login,
)
from tests.acceptance.talk import places, refused
from tests.conftest import Service
from tests.instances import command

pytestmark = pytest.mark.one_engine

FIELDS = {
    "id",
    "tenant",
    "email",
    "name",
    "role",
    "service_name",
    "active",
    "created_at",
    "password_changed_at",
}


@pytest.fixture
def web(service: Service) -> Iterator[httpx2.Client]:
    with browser(service.url) as client:
        yield client


def entry(api: httpx2.Client, number: int) -> dict[str, Any] | None:
    """A user as the list shows them."""
    answer = api.get(USERS).json()
    assert answer["count"] == len(answer["data"])
    return next((user for user in answer["data"] if user["id"] == number), None)


def test_a_user_is_listed_without_their_password(api: httpx2.Client) -> None:
    body = {"email": new_email(), "role": "operator", "name": "Ana", "password": "p" * 12}
    answer = api.post(USERS, json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert made.keys() == FIELDS
    assert (made["role"], made["name"], made["active"]) == ("operator", "Ana", True)
    assert (made["tenant"], made["service_name"]) == ("default", None)
    assert entry(api, made["id"]) == made
    newest_first = [user["id"] for user in api.get(USERS).json()["data"]]
    assert newest_first == sorted(newest_first, reverse=True)
    assert "argon2" not in api.get(USERS).text


def test_a_generated_password_is_shown_once(api: httpx2.Client, web: httpx2.Client) -> None:
    email = new_email()
    made = api.post(USERS, json={"email": email, "role": "reader"}).json()["data"]
    assert made.keys() == FIELDS | {"password"}
    log_in(web, Person(made["id"], email, made["password"]))
    shown = entry(api, made["id"])
    assert shown is not None
    assert shown.keys() == FIELDS


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
        ({"email": "a@b\0.c"}, "email"),
        ({"role": "owner"}, "role"),
        ({"role": None}, "role"),
        ({"password": "p" * 11}, "password"),
        ({"password": "p" * 257}, "password"),
        ({"name": "n" * 201}, "name"),
        ({"name": "\0"}, "name"),
        ({"service_name": ""}, "service_name"),
        ({"tenant": "other"}, "tenant"),
        ({"active": False}, "active"),
    ],
    ids=str,
)
def test_a_wrong_field_of_a_new_user_is_named(
    api: httpx2.Client, change: dict[str, Any], field: str
) -> None:
    body = {"email": new_email(), "role": "reader", "password": "p" * 12} | change
    assert places(refused(api.post(USERS, json=body), 422)) == [(None, field)]


def test_an_email_belongs_to_one_user(api: httpx2.Client) -> None:
    one, other = add_person(api), add_person(api)
    again = {"email": one.email.upper(), "role": "reader"}
    assert places(refused(api.post(USERS, json=again), 409)) == [(None, "email")]
    answer = api.patch(f"{USERS}/{other.id}", json={"email": one.email})
    assert places(refused(answer, 409)) == [(None, "email")]
    assert api.patch(f"{USERS}/{one.id}", json={"email": one.email.upper()}).is_success


def test_some_fields_change_and_the_others_stay(api: httpx2.Client) -> None:
    person = add_person(api, "writer", service_name="checkout")
    before = entry(api, person.id)
    assert before is not None
    path = f"{USERS}/{person.id}"
    for change in (
        {"name": "Ana"},
        {"role": "operator"},
        {"active": False},
        {"service_name": None},
    ):
        before |= change
        assert api.patch(path, json=change).json()["data"] == before
    unchanged = {"name": None, "role": None, "active": None, "email": None, "password": None}
    assert api.patch(path, json=unchanged).json()["data"] == before
    assert api.patch(path, json={}).json()["data"] == before


def test_a_password_that_an_admin_sets_replaces_the_old_one(
    api: httpx2.Client, web: httpx2.Client
) -> None:
    person = add_person(api)
    answer = api.patch(f"{USERS}/{person.id}", json={"password": "another long password"})
    before, after = (answer.json()["data"][name] for name in ("created_at", "password_changed_at"))
    assert before < after
    refused(try_login(web, person), 401)
    assert try_login(web, person, "another long password").is_success


def test_a_deleted_user_is_gone(api: httpx2.Client) -> None:
    person = add_person(api)
    path = f"{USERS}/{person.id}"
    assert api.delete(path).json()["data"] == {"id": person.id, "email": person.email}
    assert entry(api, person.id) is None
    refused(api.delete(path), 404)
    refused(api.patch(path, json={"name": "x"}), 404)
    add_person(api, email=person.email)


@pytest.mark.parametrize(
    ("role", "service_name", "status"),
    [
        ("admin", None, 200),
        ("admin", "checkout", 403),
        ("operator", None, 403),
        ("writer", None, 403),
        ("reader", None, 403),
    ],
)
def test_only_admins_of_all_services_manage_users(
    api: httpx2.Client, web: httpx2.Client, role: str, service_name: str | None, status: int
) -> None:
    other = add_person(api)
    token = log_in(web, add_person(api, role, service_name=service_name))["access_token"]
    made = web.post(
        USERS,
        json={"email": new_email(), "role": "admin", "password": "p" * 12},
        headers=bearer(token),
    )
    answers = [
        web.get(USERS, headers=bearer(token)),
        made,
        web.patch(f"{USERS}/{other.id}", json={"role": "reader"}, headers=bearer(token)),
        web.delete(f"{USERS}/{other.id}", headers=bearer(token)),
    ]
    wanted = [200, 201, 200, 200] if status == 200 else [403] * 4
    assert [answer.status_code for answer in answers] == wanted


def test_another_tenant_is_not_there(
    service: Service, api: httpx2.Client, web: httpx2.Client
) -> None:
    ours, theirs = add_person(api, "admin"), add_person(api, "admin")
    tenant = move_to_new_tenant(service, api, theirs)
    token = log_in(web, theirs)["access_token"]
    seen = web.get(USERS, headers=bearer(token)).json()["data"]
    assert ours.id not in [user["id"] for user in seen]
    assert {user["tenant"] for user in seen} == {tenant}
    path = f"{USERS}/{ours.id}"
    refused(web.patch(path, json={"active": False}, headers=bearer(token)), 404)
    refused(web.delete(path, headers=bearer(token)), 404)
    made = web.post(
        USERS, json={"email": new_email(), "role": "reader"}, headers=bearer(token)
    ).json()["data"]
    assert made["tenant"] == tenant
    assert entry(api, theirs.id) is None
    refused(api.delete(f"{USERS}/{made['id']}"), 404)
    assert web.get("/api/alerts/rules", headers=bearer(token)).json()["data"] == []


def move_to_new_tenant(service: Service, api: httpx2.Client, person: Person) -> str:
    tenant = f"t{secrets.token_hex(6)}"
    api.post("/api/tenants", json={"tenant": tenant}).raise_for_status()
    with psycopg.connect(service.database_url) as conn:
        conn.execute(
            "UPDATE fature.api_user SET tenant = %s WHERE user_id = %s", [tenant, person.id]
        )
    return tenant


def test_users_of_a_tenant_that_is_locked_out_are_locked_out_within_five_seconds(
    service: Service, api: httpx2.Client, web: httpx2.Client
) -> None:
    person = add_person(api, "reader")
    tenant = move_to_new_tenant(service, api, person)
    pair = log_in(web, person)
    headers = bearer(pair["access_token"])
    assert web.get("/api/metrics/catalog", headers=headers).status_code == 200
    api.patch(f"/api/tenants/{tenant}", json={"is_active": False}).raise_for_status()
    deadline = time.monotonic() + 5
    while web.get("/api/metrics/catalog", headers=headers).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    refused(try_login(web, person), 401)
    token = {"refresh_token": pair["refresh_token"]}
    refused(web.post("/api/auth/refresh", json=token), 401)
    refused(api.delete(f"/api/tenants/{tenant}"), 409)


def test_the_audit_log_tells_of_users_but_not_their_passwords(
    api: httpx2.Client, web: httpx2.Client
) -> None:
    person = add_person(api, "reader")
    path = f"{USERS}/{person.id}"
    api.patch(path, json={"role": "operator"}).raise_for_status()
    token = log_in(web, person)["access_token"]
    change = {"current_password": person.password, "new_password": "a quite different one"}
    web.post("/api/auth/password", json=change, headers=bearer(token)).raise_for_status()
    api.delete(path).raise_for_status()
    answer = api.get("/api/audit", params={"target": f"user:{person.id}"})
    entries = answer.json()["data"]
    assert [(one["action"], one["actor"]) for one in entries] == [
        ("user.delete", "admin-key"),
        ("user.password", f"user:{person.id}"),
        ("user.update", "admin-key"),
        ("user.create", "admin-key"),
    ]
    assert (entries[2]["before"]["role"], entries[2]["after"]["role"]) == ("reader", "operator")
    assert "argon2" not in answer.text
    assert person.password not in answer.text


# make user


def run_user(service: Service, *arguments: str) -> tuple[int, str]:
    """`python -m service user …` without a terminal."""
    folder = str(service.log.parent)
    ended = command(
        "user", *arguments, FATURE_DATABASE_URL=service.database_url, FATURE_DATA_DIR=folder
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_command_makes_a_user_and_shows_a_password_once(
    service: Service, web: httpx2.Client
) -> None:
    email = new_email()
    code, output = run_user(service, email, "--role", "operator", "--service", "checkout")
    assert code == 0, output
    assert f"{email} can log in as operator of tenant default." in output
    (password,) = [
        line.partition(": ")[2] for line in output.splitlines() if line.startswith("Password: ")
    ]
    assert log_in(web, Person(0, email, password))
    code, output = run_user(service, email, "--role", "operator")
    assert code == 1
    assert f"email: There is another user with the email {email}" in output


def test_the_command_names_what_is_wrong(service: Service) -> None:
    code, output = run_user(service, "nobody", "--role", "owner")
    assert code == 1
    assert "email: This is no email address" in output
    assert "role: " in output
