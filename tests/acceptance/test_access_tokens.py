"""Which access tokens hold, and for how long."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import jwt
import pytest

from service.access.credentials import derived_key
from service.access.tokens import Claims
from tests.acceptance.people import (
    USERS,
    Person,
    add_person,
    bearer,
    browser,
    log_in,
    refresh,
    status_with,
    try_login,
)
from tests.acceptance.talk import refused
from tests.conftest import Service, running_service
from tests.killable import until

pytestmark = pytest.mark.one_engine

SEEN_WITHIN = 5.0


@pytest.fixture(scope="module")
def secret(service: Service) -> str:
    """The secret that the shared service generated on its first start."""
    return (service.log.parent / "secret").read_text().strip()


@pytest.fixture
def web(service: Service) -> Iterator[httpx2.Client]:
    with browser(service.url) as client:
        yield client


@pytest.fixture
def person(api: httpx2.Client) -> Person:
    return add_person(api)


@pytest.fixture(scope="module")
def reader(service: Service) -> Person:
    """Somebody whom no test changes."""
    return add_person(service.client)


@pytest.fixture(scope="module")
def token(service: Service, reader: Person) -> str:
    with browser(service.url) as client:
        return str(log_in(client, reader)["access_token"])


@pytest.fixture
def claims(token: str) -> dict[str, Any]:
    """The claims that the service writes into a token."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture(scope="module")
def signed(secret: str) -> Callable[[dict[str, Any]], str]:
    """Makes tokens with the service's own key."""
    key = derived_key(secret, "access token")
    return lambda claims: jwt.encode(claims, key, "HS256")


def test_a_token_lives_for_fifteen_minutes_and_says_who_it_is_for(
    claims: dict[str, Any], reader: Person
) -> None:
    assert claims["exp"] - claims["iat"] == 900
    assert claims["nbf"] == claims["iat"]
    assert claims["sub"] == str(reader.id)
    assert (claims["iss"], claims["aud"]) == ("fature-metrics", "fature-metrics-api")
    assert (claims["tenant"], claims["role"], claims["service"]) == ("default", "reader", None)
    assert reader.email not in str(claims)


def test_the_same_claims_signed_with_the_same_key_hold(
    web: httpx2.Client, claims: dict[str, Any], signed: Callable[[dict[str, Any]], str]
) -> None:
    assert status_with(web, signed(claims)) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": -60},
        {"nbf": 60},
        {"iat": 60},
        {"aud": "another"},
        {"aud": []},
        {"iss": "another"},
        {"sub": 1},
        {"sub": "root"},
        {"role": "owner"},
        {"tenant": None},
        {"ver": 0},
        {"ver": "1"},
    ]
    + [{name: ...} for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "ver", "sid", "role")],
    ids=str,
)
def test_a_token_with_another_claim_does_not_hold(
    web: httpx2.Client,
    claims: dict[str, Any],
    signed: Callable[[dict[str, Any]], str],
    changes: dict[str, Any],
) -> None:
    for name, value in changes.items():
        if value is ...:
            del claims[name]
        else:
            claims[name] = time.time() + value if name in ("exp", "nbf", "iat") else value
    answer = web.get("/api/metrics/catalog", headers=bearer(signed(claims)))
    refused(answer, 401)


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_only_one_algorithm_and_one_key_hold(
    web: httpx2.Client, claims: dict[str, Any], secret: str
) -> None:
    key = derived_key(secret, "access token")
    forged = [
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}.",
        f"{_part({'alg': 'None'})}.{_part(claims)}.",
        f"{_part({})}.{_part(claims)}.",
        jwt.encode(claims, key * 2, "HS512"),
        jwt.encode(claims, key * 2, "HS384"),
        jwt.encode(claims, secret, "HS256"),
        jwt.encode(claims, derived_key(secret, "refresh token"), "HS256"),
        jwt.encode(claims, "k" * 32, "HS256", headers={"kid": "../../dev/null", "jku": "http://x"}),
    ]
    assert [status_with(web, token) for token in forged] == [401] * len(forged)


def test_a_tampered_token_does_not_hold(
    web: httpx2.Client, token: str, claims: dict[str, Any]
) -> None:
    header, payload, signature = token.split(".")
    raised = _part(claims | {"role": "admin"})
    for tampered in (
        f"{header}.{raised}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{token}.",
        "..",
        "a.b.c",
        "é.é.é".encode(),
    ):
        text = tampered if isinstance(tampered, bytes) else tampered.encode()
        headers = {b"Authorization": b"Bearer " + text}
        refused(web.get("/api/metrics/catalog", headers=headers), 401)
    assert status_with(web, token) == 200


def test_claims_are_read_as_they_are_written(claims: dict[str, Any]) -> None:
    assert set(Claims.__struct_fields__) <= claims.keys()


# What ends a token before it expires


@pytest.mark.parametrize(
    "change",
    [
        {"active": False},
        {"role": "writer"},
        {"service_name": "checkout"},
        {"password": "another long password"},
    ],
    ids=str,
)
def test_a_change_ends_older_tokens_here_at_once(
    api: httpx2.Client, web: httpx2.Client, person: Person, change: dict[str, Any]
) -> None:
    pair = log_in(web, person)
    assert api.patch(f"{USERS}/{person.id}", json=change).status_code == 200
    assert status_with(web, pair["access_token"]) == 401
    again = refresh(web, pair["refresh_token"])
    assert again.status_code == (401 if change.keys() & {"active", "password"} else 200)


def test_a_change_of_name_ends_nothing(
    api: httpx2.Client, web: httpx2.Client, person: Person
) -> None:
    pair = log_in(web, person)
    assert api.patch(f"{USERS}/{person.id}", json={"name": "Ana"}).is_success
    assert status_with(web, pair["access_token"]) == 200


def test_a_deactivated_user_cannot_log_in_until_they_are_active_again(
    api: httpx2.Client, web: httpx2.Client, person: Person
) -> None:
    pair = log_in(web, person)
    api.patch(f"{USERS}/{person.id}", json={"active": False})
    refused(try_login(web, person), 401)
    api.patch(f"{USERS}/{person.id}", json={"active": True})
    assert try_login(web, person).is_success
    refused(refresh(web, pair["refresh_token"]), 401)
    assert status_with(web, pair["access_token"]) == 401


def test_a_deleted_user_is_out_within_five_seconds(
    api: httpx2.Client, web: httpx2.Client, person: Person
) -> None:
    pair = log_in(web, person)
    assert api.delete(f"{USERS}/{person.id}").is_success
    refused(refresh(web, pair["refresh_token"]), 401)
    refused(try_login(web, person), 401)
    until(lambda: status_with(web, pair["access_token"]) == 401, seconds=SEEN_WITHIN)


def test_replicas_share_log_ins_and_see_changes_within_five_seconds(
    service: Service,
    api: httpx2.Client,
    web: httpx2.Client,
    secret: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("replica")
    with (
        running_service(folder, service.database_url, FATURE_SECRET=secret) as replica,
        browser(replica.url) as there,
    ):
        # The replica has not heard of somebody who was just made.
        person, other = add_person(api), add_person(api)
        pair, others = log_in(web, person), log_in(web, other)
        assert status_with(there, pair["access_token"]) == 200
        api.patch(f"{USERS}/{person.id}", json={"active": False})
        until(lambda: status_with(there, pair["access_token"]) == 401, seconds=SEEN_WITHIN)
        refused(refresh(there, pair["refresh_token"]), 401)
        # Nor of a change that somebody's newest token already has.
        api.patch(f"{USERS}/{other.id}", json={"role": "operator"})
        newer = refresh(web, others["refresh_token"]).json()["access_token"]
        assert status_with(there, newer) == 200
