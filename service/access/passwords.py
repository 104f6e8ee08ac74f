"""Passwords: argon2id in worker threads, a few at a time."""

import secrets
import unicodedata

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

MIN_LENGTH = 12
MAX_LENGTH = 256
AT_ONCE = 2
MAX_WAITING = 50


class HashingBusy(Exception):
    """More passwords wait to be hashed than can be soon."""


class Passwords:
    """Hashes and checks passwords.

    One hash takes 64 MiB and a tenth of a second of a core by the library's defaults
    (RFC 9106, low-memory); `at_once` bounds how many run together in this process.
    """

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once: int = AT_ONCE) -> None:
        self._hasher = hasher or PasswordHasher()
        self._limiter = CapacityLimiter(at_once)
        self._nobodys = self._hasher.hash(generated_password())

    async def hash(self, password: str) -> str:
        """The password as it is stored, in PHC string format.

        Raises:
            HashingBusy: too many wait.
        """
        self._check_queue()
        return await to_thread.run_sync(self._hasher.hash, _normal(password), limiter=self._limiter)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether that is the password; for a user who does not exist (None) it takes as
        long to say no.

        Raises:
            HashingBusy: too many wait.
        """
        self._check_queue()
        return await to_thread.run_sync(
            self._verify, _normal(password), stored, limiter=self._limiter
        )

    def _verify(self, password: str, stored: str | None) -> bool:
        try:
            self._hasher.verify(stored or self._nobodys, password)
        except VerifyMismatchError:
            return False
        return stored is not None

    def _check_queue(self) -> None:
        if self._limiter.statistics().tasks_waiting >= MAX_WAITING:
            raise HashingBusy


def generated_password() -> str:
    """A random password of 144 bits."""
    return secrets.token_urlsafe(18)


def _normal(password: str) -> str:
    """The same characters typed on another keyboard may come as other code points."""
    return unicodedata.normalize("NFKC", password)
