"""Passwords: argon2id in worker threads, a few at a time."""

import secrets
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from sql.errors import Busy
from sql.messages import Message

MIN_LENGTH = 12
MAX_LENGTH = 256
AT_ONCE = 2
MEMORY = 64
MAX_WAITING = 50

Result = TypeVar("Result")


class Passwords:
    """Hashes and checks passwords.

    One hash takes `memory` MiB and, with 64, a tenth of a second of a core; what else it costs
    is the library's default (RFC 9106, low-memory). `at_once` bounds how many run together in
    this process. What was hashed with another `memory` still matches.
    """

    def __init__(
        self,
        hasher: PasswordHasher | None = None,
        *,
        memory: int = MEMORY,
        at_once: int = AT_ONCE,
    ) -> None:
        self._hasher = hasher or PasswordHasher(memory_cost=memory * 1024)
        self._limiter = CapacityLimiter(at_once)
        self._under_way = 0
        self._nobodys = self._hasher.hash(generated_password())

    async def hash(self, password: str) -> str:
        """The password as it is stored, in PHC string format.

        Raises:
            Busy: too many wait.
        """
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether that is the password; for a user who does not exist (None) it takes as
        long to say no.

        Raises:
            Busy: too many wait.
        """
        return await self._run(lambda: self._verify(_normal(password), stored))

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._under_way >= self._limiter.total_tokens + MAX_WAITING:
            raise Busy(Message("Too many people sign in at once; try again"), retry_after=2)
        self._under_way += 1
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._under_way -= 1

    def _verify(self, password: str, stored: str | None) -> bool:
        try:
            self._hasher.verify(stored or self._nobodys, password)
        except VerifyMismatchError:
            return False
        return stored is not None


def generated_password() -> str:
    """A random password of 144 bits."""
    return secrets.token_urlsafe(18)


def _normal(password: str) -> str:
    """The same characters typed on another keyboard may come as other code points."""
    return unicodedata.normalize("NFKC", password)
