"""Passwords and the keys of tokens; with cheap hashes, which only an argument allows."""

from typing import Literal

import anyio
import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from service.access import passwords
from service.access.credentials import derived_key
from service.access.passwords import Passwords, generated_password
from service.access.tokens import new_refresh_token
from sql.errors import Busy


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def cheap() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_by_default_hashes_are_argon2id_as_rfc_9106_recommends() -> None:
    hasher = Passwords()._hasher
    assert hasher.type is Type.ID
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (65536, 3, 4)


@pytest.mark.anyio
async def test_a_hash_takes_the_memory_it_is_given_and_others_still_match() -> None:
    stored = await Passwords(memory=19).hash("a long password")
    assert stored.startswith("$argon2id$v=19$m=19456,t=3,p=4$")
    assert await cheap().matches("a long password", stored)


@pytest.mark.anyio
async def test_only_the_whole_password_matches() -> None:
    passwords = cheap()
    stored = await passwords.hash("a long password")
    assert stored != await passwords.hash("a long password")
    assert await passwords.matches("a long password", stored)
    for wrong in ("", "a long passwor", "a long password ", "A long password"):
        assert not await passwords.matches(wrong, stored)


@pytest.mark.anyio
async def test_nobody_has_a_password_but_it_is_checked_all_the_same() -> None:
    passwords = cheap()
    checked: list[str] = []
    verify = passwords._hasher.verify

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            checked.append(str(hash))
            return verify(hash, password)

    passwords._hasher = Watched()
    assert not await passwords.matches("a long password", None)
    assert len(checked) == 1


@pytest.mark.anyio
async def test_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 3)
    guarded = Passwords(PasswordHasher(time_cost=1, memory_cost=1024), at_once=1)
    refused = 0

    async def attempt() -> None:
        nonlocal refused
        try:
            await guarded.hash("a long password")
        except Busy:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(attempt)
    # One is hashed, three wait.
    assert refused == 6


def test_generated_secrets_differ_and_fit_their_limits() -> None:
    assert len({generated_password() for _ in range(100)}) == 100
    assert passwords.MIN_LENGTH <= len(generated_password()) <= passwords.MAX_LENGTH
    assert len(new_refresh_token()) <= 200


def test_each_purpose_has_a_key_of_its_own() -> None:
    one, other = derived_key("s" * 32, "access token"), derived_key("s" * 32, "refresh token")
    assert len(one) == len(other) == 32
    assert one != other
    assert one != derived_key("t" * 32, "access token")
