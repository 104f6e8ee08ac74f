"""Checking keys in memory, and what roles may do."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

import pytest

from service.access import key_table
from service.access.caller import AccessScope, Principal, Role, scopes_of
from service.access.credentials import KeyHasher, generated_key, prefix_of
from service.access.key_table import KeyTable
from sql.database import Pool
from sql.errors import DatabaseUnavailable
from sql.scope import Scope

HASHER = KeyHasher("a secret of the tests, 32 characters and more")


class Rows:
    """Stands for the database; counts how often it is asked."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.asked = 0
        self.away = False

    async def __call__(self, _: object, statement: str) -> list[dict[str, Any]]:
        assert statement == "all_keys"
        self.asked += 1
        if self.away:
            raise DatabaseUnavailable("away")
        return self.rows


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Rows:
    found = Rows()
    monkeypatch.setattr(key_table, "fetch_all", found)
    return found


def stored(key: str, number: int = 1, **fields: object) -> dict[str, Any]:
    return {
        "key_id": number,
        "tenant": "default",
        "role": "reader",
        "service_name": None,
        "scopes": None,
        "prefix": prefix_of(key),
        "digest": HASHER.digest(key),
        "expires_at": None,
        "is_usable": True,
        **fields,
    }


def table() -> KeyTable:
    return KeyTable(cast("Pool", None), HASHER)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_warm_check_takes_less_than_a_tenth_of_a_millisecond_and_asks_nobody(rows: Rows) -> None:
    key = generated_key().key
    rows.rows = [stored(key), *(stored(generated_key().key, n) for n in range(2, 1000))]

    async def check() -> None:
        keys = table()
        await keys.reload()
        seconds = []
        for _ in range(2000):
            started = time.perf_counter()
            assert await keys.principal(key) is not None
            seconds.append(time.perf_counter() - started)
        assert sorted(seconds)[1000] < 0.0001

    run(check())
    assert rows.asked == 1


def test_only_the_whole_key_is_known_and_only_while_it_holds(rows: Rows) -> None:
    good, revoked, expired = (generated_key().key for _ in range(3))
    past = datetime.now(UTC) - timedelta(seconds=1)
    rows.rows = [
        stored(good, 1, scopes=["metrics:read"], tenant="acme", service_name="shop"),
        stored(revoked, 2, is_usable=False),
        stored(expired, 3, expires_at=past),
    ]
    scope = Scope("acme", "shop")
    expected = Principal("key:1", "reader", scope, frozenset[AccessScope]({"metrics:read"}))

    async def check() -> None:
        keys = table()
        await keys.reload()
        assert await keys.principal(good) == expected
        wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
        for key in (wrong, good[:-1], good + "A", good.upper(), revoked, expired, "", "x" * 20_000):
            assert await keys.principal(key) is None

    run(check())
    assert rows.asked == 1


def test_unknown_keys_share_readings(rows: Rows) -> None:
    async def check() -> None:
        keys = table()
        tried = (keys.principal(generated_key().key) for _ in range(100))
        assert await asyncio.gather(*tried) == [None] * 100

    run(check())
    assert rows.asked <= 2


def test_a_database_that_is_away_leaves_what_is_known(rows: Rows) -> None:
    key = generated_key().key
    rows.rows = [stored(key)]

    async def check() -> None:
        keys = table()
        await keys.reload()
        rows.away = True
        with pytest.raises(DatabaseUnavailable):
            await keys.principal(generated_key().key)
        assert await keys.principal(key) is not None

    run(check())


@pytest.mark.parametrize("role", get_args(Role))
def test_bound_to_a_service_nobody_changes_what_belongs_to_the_tenant(role: Role) -> None:
    assert not scopes_of(role, "payments") & {"keys:admin", "catalog:write"}
    assert ("keys:admin" in scopes_of(role, None)) == (role == "admin")


def test_fewer_scopes_than_the_role_are_fewer_and_never_more() -> None:
    few = Principal("key:1", "reader", Scope(), frozenset({"alerts:read", "metrics:write"}))
    assert few.may("alerts:read")
    assert not few.may("metrics:read")
    assert not few.may("metrics:write")
