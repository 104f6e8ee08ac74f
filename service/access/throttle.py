"""Against guessing passwords: moving windows of attempts, in the memory of each process.

Every attempt counts, right or wrong, before its password is looked at, so that many at
once gain nothing. Nobody can lock an account: what is limited is an address, an account
from one address, and an account from all addresses it never logged in from.
"""

import math
import time
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from sql.errors import Throttled
from sql.messages import Message

BY_NETWORK = parse("100 per 15 minutes")
BY_ACCOUNT_AND_NETWORK = parse("10 per 5 minutes")
BY_ACCOUNT_FROM_ELSEWHERE = parse("30 per 15 minutes")


class Throttle:
    """Counts attempts to log in."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def check_network(self, network: str) -> None:
        """Count an attempt from there, whoever it is for.

        Raises:
            Throttled: it is one too many.
        """
        await self._hit(BY_NETWORK, "network", network)

    async def check_account(self, account: str, network: str, *, is_familiar: bool) -> None:
        """Count an attempt on an account; `is_familiar` where its user logged in from that
        network before.

        Raises:
            Throttled: it is one too many.
        """
        await self._hit(BY_ACCOUNT_AND_NETWORK, "account", account, network)
        if not is_familiar:
            await self._hit(BY_ACCOUNT_FROM_ELSEWHERE, "elsewhere", account)

    async def _hit(self, limit: RateLimitItem, *who: str) -> None:
        if not await self._limiter.hit(limit, *who):
            reset_time, _ = await self._limiter.get_window_stats(limit, *who)
            raise too_many_attempts(max(1, math.ceil(reset_time - time.time())))


def too_many_attempts(retry_after: int) -> Throttled:
    """The error that some limit is used up; in `retry_after` seconds there is room again."""
    values = {"time": _duration(retry_after)}
    return Throttled(Message("Too many attempts. Try again in {time}.", values), retry_after)


def _duration(seconds: int) -> Message:
    if seconds < 100:
        return Message("{number} seconds", {"number": max(2, seconds)})
    return Message("{number} minutes", {"number": math.ceil(seconds / 60)})


def network_of(address: str | None) -> str:
    """The network that counts as one client: an IPv4 address, or an IPv6 /64, which one
    customer has whole; ``unknown`` for anything else.
    """
    try:
        ip = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip_network((ip.packed, 64), strict=False))
    return str(ip)
