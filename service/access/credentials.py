"""The form of API keys, and the digest that is stored of one."""

import hmac
import re
import secrets
from typing import NamedTuple

# fature_ so that scanners for leaked secrets know it, then what it is found by, then 256 bits.
_KEY = re.compile(r"(fature_[0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class NewKey(NamedTuple):
    """A key, and the part of it that may be shown and that it is found by."""

    key: str
    prefix: str


def generated_key() -> NewKey:
    """A random key."""
    prefix = f"fature_{secrets.token_hex(6)}"
    return NewKey(f"{prefix}_{secrets.token_urlsafe(32)}", prefix)


def prefix_of(key: str) -> str | None:
    """The part that a key is found by; None for what is no key of ours."""
    match = _KEY.fullmatch(key)
    return match and match[1]


class KeyHasher:
    """HMAC-SHA256 with a key derived from the service's secret for this purpose alone."""

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, "api key")

    def digest(self, key: str) -> bytes:
        """The digest of a key that is stored: 32 bytes. Random keys need no slower hash."""
        return hmac.digest(self._key, key.encode(), "sha256")


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, so that none is used for two."""
    return hmac.digest(secret.encode(), f"fature {purpose}".encode(), "sha256")
