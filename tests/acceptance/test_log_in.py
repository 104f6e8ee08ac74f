"""Logging in, staying logged in and logging out."""

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import psycopg
import pytest

from tests.acceptance.people import (
    LOGIN,
    LOGOUT,
    PASSWORD,
    Person,
    add_person,
    bearer,
    browser,
    log_in,
    new_email,
    refresh,
    status_with,
    try_login,
)
from tests.acceptance.talk import ONE, places, refused, sample
from tests.conftest import Service

pytestmark = pytest.mark.one_engine


@pytest.fixture
def web(service: Service) -> Iterator[httpx2.Client]:
    """A client without a key, from an address of its own."""
    with browser(service.url) as client:
        yield client


@pytest.fixture
def person(api: httpx2.Client) -> Person:
    return add_person(api)


def test_email_and_password_give_tokens_that_let_in(web: httpx2.Client, person: Person) -> None:
    answer = try_login(web, person)
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"success", "access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["success"], body["token_type"], body["expires_in"]) == (True, "Bearer", 900)
    assert status_with(web, body["access_token"]) == 200
    assert web.get("/api/alerts/rules", headers={"X-API-Key": body["access_token"]}).is_success


def test_case_does_not_matter_in_an_email(web: httpx2.Client, person: Person) -> None:
    assert try_login(web, Person(0, person.email.upper(), person.password)).is_success


def test_characters_typed_otherwise_are_the_same_password(
    api: httpx2.Client, web: httpx2.Client
) -> None:
    person = add_person(api, password="caf\u00e9 com a\u00e7\u00facar")
    assert try_login(web, person, "cafe\u0301 com ac\u0327u\u0301car").is_success


@pytest.mark.parametrize("password", ["wrong", "", "p" * 256, "\0", "' OR '1'='1"])
def test_a_wrong_password_is_401(web: httpx2.Client, person: Person, password: str) -> None:
    answer = web.post(LOGIN, json={"email": person.email, "password": password or "x"})
    assert refused(answer, 401)["message"] == "Email or password is wrong"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_unknown_email_is_answered_like_a_wrong_password(
    web: httpx2.Client, person: Person
) -> None:
    wrong = refused(try_login(web, person, "wrong"), 401)
    unknown = refused(try_login(web, Person(0, new_email(), "wrong")), 401)
    assert wrong == unknown


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "email"),
        ({"email": "nobody", "password": "x"}, "email"),
        ({"email": "a@example.com", "password": "p" * 257}, "password"),
        ({"email": "a@example.com", "password": 1}, "password"),
        ({"email": "a@example.com", "password": "x", "tenant": "other"}, "tenant"),
    ],
)
def test_a_malformed_login_is_refused_without_repeating_it(
    web: httpx2.Client, body: dict[str, Any], field: str
) -> None:
    answer = web.post(LOGIN, json=body)
    assert (None, field) in places(refused(answer, 422))
    assert "ppp" not in answer.text


def test_half_a_character_is_no_failure(web: httpx2.Client) -> None:
    for field in ("email", "password"):
        body = {"email": "a@example.com", "password": "x" * 12}
        body[field] = "HALF" + body[field]
        content = json.dumps(body).replace("HALF", "\\ud800")
        assert web.post(LOGIN, content=content).status_code in (400, 401, 422)


# Refreshing


def test_a_refresh_token_gives_the_next_pair(web: httpx2.Client, person: Person) -> None:
    first = log_in(web, person)
    answer = refresh(web, first["refresh_token"])
    assert answer.headers["Cache-Control"] == "no-store"
    second = answer.json()
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert status_with(web, second["access_token"]) == 200
    assert refresh(web, second["refresh_token"]).is_success


def test_a_reused_refresh_token_ends_its_family_and_no_other(
    web: httpx2.Client, person: Person
) -> None:
    first, elsewhere = log_in(web, person), log_in(web, person)
    second = refresh(web, first["refresh_token"]).json()
    refused(refresh(web, first["refresh_token"]), 401)
    refused(refresh(web, second["refresh_token"]), 401)
    assert refresh(web, elsewhere["refresh_token"]).is_success


def test_of_two_uses_at_once_only_one_gives_tokens(service: Service, person: Person) -> None:
    with browser(service.url) as web, browser(service.url) as copy, ThreadPoolExecutor() as threads:
        token = log_in(web, person)["refresh_token"]
        answers = list(threads.map(lambda client: refresh(client, token), [web, copy]))
        assert sorted(answer.status_code for answer in answers) == [200, 401]
        (pair,) = (answer.json() for answer in answers if answer.is_success)
        refused(refresh(web, pair["refresh_token"]), 401)


@pytest.mark.parametrize("token", ["nonsense", "\0", "x" * 200])
def test_an_unknown_refresh_token_is_401(web: httpx2.Client, token: str) -> None:
    refused(refresh(web, token), 401)


def test_an_access_token_is_no_refresh_token_nor_the_other_way_round(
    web: httpx2.Client, person: Person
) -> None:
    pair = log_in(web, person)
    assert status_with(web, pair["refresh_token"]) == 401
    assert refresh(web, pair["access_token"]).status_code in (401, 422)


def test_a_refresh_token_expires_after_fourteen_days(
    service: Service, web: httpx2.Client, person: Person
) -> None:
    pair = log_in(web, person)
    with psycopg.connect(service.database_url) as conn:
        lives = conn.execute(
            "SELECT extract(day FROM expires_at - issued_at) FROM fature.refresh_token"
            " WHERE user_id = %s",
            [person.id],
        ).fetchall()
        assert lives == [(14,)]
        conn.execute(
            "UPDATE fature.refresh_token SET expires_at = now() WHERE user_id = %s", [person.id]
        )
    refused(refresh(web, pair["refresh_token"]), 401)


def test_neither_passwords_nor_refresh_tokens_are_stored_or_logged(
    service: Service, web: httpx2.Client, person: Person
) -> None:
    pair = log_in(web, person)
    refused(try_login(web, person, "a-wrong-password"), 401)
    with psycopg.connect(service.database_url) as conn:
        rows = conn.execute(
            "SELECT u.*, r.* FROM fature.api_user u JOIN fature.refresh_token r USING (user_id)"
            " WHERE user_id = %s",
            [person.id],
        ).fetchall()
    seen = repr(rows) + service.log.read_text()
    assert "$argon2id$v=19$m=19456,t=3,p=4$" in seen  # the memory that tests are given
    for secret in (
        person.password,
        "a-wrong-password",
        *(v for k, v in pair.items() if "_token" in k),
    ):
        assert secret not in seen


# Logging out


def test_logging_out_ends_the_log_in_and_no_other(web: httpx2.Client, person: Person) -> None:
    here, elsewhere = log_in(web, person), log_in(web, person)
    assert web.post(LOGOUT, json={"refresh_token": here["refresh_token"]}).json() == {
        "success": True
    }
    refused(refresh(web, here["refresh_token"]), 401)
    assert refresh(web, elsewhere["refresh_token"]).is_success


def test_logging_out_twice_is_no_failure(web: httpx2.Client, person: Person) -> None:
    token = {"refresh_token": log_in(web, person)["refresh_token"]}
    assert web.post(LOGOUT, json=token).is_success
    assert web.post(LOGOUT, json=token).is_success
    assert web.post(LOGOUT, json={"refresh_token": "unknown"}).is_success


# Changing the password


def change(client: httpx2.Client, access_token: str, current: str, new: str) -> httpx2.Response:
    body = {"current_password": current, "new_password": new}
    return client.post(PASSWORD, json=body, headers=bearer(access_token))


def test_a_new_password_replaces_the_old_one_and_ends_other_log_ins(
    web: httpx2.Client, person: Person
) -> None:
    here, elsewhere = log_in(web, person), log_in(web, person)
    new = secrets.token_hex(8)
    answer = change(web, here["access_token"], person.password, new)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"success", "access_token", "token_type", "expires_in"}
    assert status_with(web, answer.json()["access_token"]) == 200
    assert status_with(web, elsewhere["access_token"]) == 401
    refused(refresh(web, elsewhere["refresh_token"]), 401)
    again = refresh(web, here["refresh_token"])
    assert status_with(web, again.json()["access_token"]) == 200
    refused(try_login(web, person), 401)
    assert try_login(web, person, new).is_success


def test_the_current_password_is_needed_for_a_new_one(web: httpx2.Client, person: Person) -> None:
    token = log_in(web, person)["access_token"]
    answer = change(web, token, "another password", "a new long password")
    assert places(refused(answer, 422)) == [(None, "current_password")]
    assert try_login(web, person).is_success


@pytest.mark.parametrize("new", ["eleven chars"[:11], "p" * 257])
def test_a_password_has_12_to_256_characters(web: httpx2.Client, person: Person, new: str) -> None:
    answer = change(web, log_in(web, person)["access_token"], person.password, new)
    error = refused(answer, 422)
    assert places(error) == [(None, "new_password")]
    assert "characters" in error["message"]
    assert new not in answer.text


def test_a_key_has_no_password(api: httpx2.Client) -> None:
    body = {"current_password": "x", "new_password": "a new long password"}
    refused(api.post(PASSWORD, json=body), 403)


def test_guessing_the_current_password_is_throttled(web: httpx2.Client, person: Person) -> None:
    token = log_in(web, person)["access_token"]
    for _ in range(10):
        assert change(web, token, "a guess", "a new long password").status_code == 422
    answer = change(web, token, person.password, "a new long password")
    refused(answer, 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 300


# What tokens let do


def test_a_role_is_in_the_token(api: httpx2.Client, web: httpx2.Client, metric: str) -> None:
    rule = {
        "rule_name": metric,
        "metric_name": metric,
        "condition": ">",
        "threshold_value": 1,
        "severity": "low",
        "aggregation": "sum",
        "window": "hour",
    }
    for role, status in (("reader", 403), ("operator", 201)):
        token = log_in(web, add_person(api, role))["access_token"]
        answer = web.post("/api/alerts/rules", json=rule, headers=bearer(token))
        assert answer.status_code == status, answer.text


def test_a_user_of_one_service_posts_and_reads_only_that(
    api: httpx2.Client, web: httpx2.Client, metric: str
) -> None:
    for service_name in ("checkout", "billing"):
        assert api.post(ONE, json=sample(metric, service_name=service_name)).is_success
    person = add_person(api, "writer", service_name="checkout")
    headers = bearer(log_in(web, person)["access_token"])
    seen = web.get("/api/metrics/query", params={"metric_name": metric}, headers=headers)
    assert [row["service_name"] for row in seen.json()["data"]] == ["checkout"]
