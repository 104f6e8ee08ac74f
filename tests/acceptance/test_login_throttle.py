"""Guessing passwords over HTTP, and that it locks nobody out."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.acceptance.people import (
    LOGIN,
    Person,
    add_person,
    browser,
    log_in,
    new_address,
    new_email,
    try_login,
)
from tests.acceptance.talk import refused
from tests.conftest import Service

pytestmark = pytest.mark.one_engine


@pytest.fixture
def guesser(service: Service) -> Iterator[httpx2.Client]:
    with browser(service.url) as client:
        yield client


def test_after_ten_attempts_even_the_right_password_is_429(
    service: Service, api: httpx2.Client, guesser: httpx2.Client
) -> None:
    person, other = add_person(api), add_person(api)
    for _ in range(10):
        refused(try_login(guesser, person, "a guess"), 401)
    answer = try_login(guesser, person)
    refused(answer, 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    assert try_login(guesser, other).is_success
    with browser(service.url) as elsewhere:
        assert try_login(elsewhere, person).is_success


def test_an_unknown_email_is_throttled_alike(guesser: httpx2.Client) -> None:
    nobody = Person(0, new_email(), "a guess")
    statuses = [try_login(guesser, nobody).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_who_logged_in_before_is_let_in_while_many_addresses_guess(
    service: Service, api: httpx2.Client
) -> None:
    person, home = add_person(api), new_address()
    with browser(service.url, home) as at_home:
        log_in(at_home, person)
        statuses = []
        for _ in range(4):
            with browser(service.url) as guesser:
                statuses += [try_login(guesser, person, "a guess").status_code for _ in range(9)]
        # The first of the thirty was their own, from where they had not been before.
        assert statuses == [401] * 29 + [429] * 7
        log_in(at_home, person)


def test_malformed_attempts_are_not_counted(guesser: httpx2.Client, api: httpx2.Client) -> None:
    person = add_person(api)
    for _ in range(11):
        refused(guesser.post(LOGIN, json={"email": person.email}), 422)
    assert try_login(guesser, person).is_success
