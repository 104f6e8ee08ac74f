"""How many attempts to log in are let through."""

import itertools

import pytest

from service.access.throttle import Throttle, network_of
from sql.errors import Throttled

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def let_through(
    throttle: Throttle, account: str, network: str, tries: int, *, is_familiar: bool = False
) -> int:
    """How many of so many attempts on an account are."""
    for done in range(tries):
        try:
            await throttle.check_account(account, network, is_familiar=is_familiar)
        except Throttled:
            return done
    return tries


async def test_an_account_from_one_address_has_ten_attempts() -> None:
    throttle = Throttle()
    assert await let_through(throttle, "ana", "203.0.113.1", 20) == 10
    with pytest.raises(Throttled) as refusal:
        await throttle.check_account("ana", "203.0.113.1", is_familiar=True)
    assert 290 <= refusal.value.retry_after <= 300


async def test_that_limits_neither_other_addresses_nor_other_accounts() -> None:
    throttle = Throttle()
    await let_through(throttle, "ana", "203.0.113.1", 20)
    assert await let_through(throttle, "ana", "203.0.113.2", 1) == 1
    assert await let_through(throttle, "bea", "203.0.113.1", 1) == 1


async def test_many_addresses_share_thirty_attempts_that_a_familiar_one_needs_not() -> None:
    throttle = Throttle()
    passed = sum(
        [await let_through(throttle, "ana", f"198.51.100.{number}", 3) for number in range(50)]
    )
    assert passed == 30
    assert await let_through(throttle, "ana", "203.0.113.7", 1) == 0
    assert await let_through(throttle, "ana", "203.0.113.1", 5, is_familiar=True) == 5


async def test_an_address_has_a_hundred_attempts_whoever_they_are_for() -> None:
    throttle = Throttle()
    for _ in range(100):
        await throttle.check_network("203.0.113.1")
    with pytest.raises(Throttled):
        await throttle.check_network("203.0.113.1")
    await throttle.check_network("203.0.113.2")


async def test_attempts_are_forgotten_with_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    throttle, clock = Throttle(), itertools.count(1_000_000)
    monkeypatch.setattr("time.time", lambda: float(next(clock)))
    assert await let_through(throttle, "ana", "203.0.113.1", 20) == 10
    for _ in range(600):
        next(clock)
    assert await let_through(throttle, "ana", "203.0.113.1", 5) == 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
async def test_one_customer_is_one_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
