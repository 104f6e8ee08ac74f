"""One connection to the service, and what its answers mean for a batch."""

import http.client
import json
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from fature_metrics.buffer import Batch

_PATH = "/api/metrics/batch"
# A key may be revoked and given back, a tenant locked and opened: worth another try, later.
_LATER = frozenset({401, 403, 408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Stored:
    """The service has the samples on disk."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Nobody knows, or not now; `after` is what the service asks for, in seconds."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The body has to be smaller."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The samples at `indices` are wrong (all of them where it is empty); none was stored."""

    reason: str
    indices: frozenset[int] = frozenset()


Outcome = Stored | TryAgain | TooLarge | Refused


class Transport:
    """Posts batches to the service at `url`; made for one thread."""

    def __init__(self, url: str, api_key: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https URL")
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._path = parts.path.rstrip("/") + _PATH
        self._headers = {"X-API-Key": api_key, "Content-Type": "application/json"}

    def post(self, batch: Batch) -> Outcome:
        """Send a batch. An answer that never came is no reason to believe anything: the next
        try has the same key.
        """
        headers = {**self._headers, "Idempotency-Key": batch.key}
        try:
            self._connection.request("POST", self._path, batch.body, headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return TryAgain(f"{type(error).__name__}: {error}")
        if response.getheader("Connection", "").lower() == "close":
            self.close()
        return _outcome(response.status, body, response.getheader("Retry-After"))

    def close(self) -> None:
        """End the connection; the next post opens another."""
        self._connection.close()


def _outcome(status: int, body: bytes, retry_after: str | None) -> Outcome:
    if status == 201:
        return Stored()
    reason, indices = _error(body)
    reason = f"{status} {reason}".rstrip()
    if status in _LATER:
        return TryAgain(reason, _seconds(retry_after))
    if status == 413:
        return TooLarge()
    return Refused(reason, indices)


def _error(body: bytes) -> tuple[str, frozenset[int]]:
    with suppress(ValueError, KeyError, TypeError):
        error = json.loads(body)["error"]
        named = (detail.get("index") for detail in error["details"])
        return str(error["message"]), frozenset(index for index in named if index is not None)
    return body[:200].decode(errors="replace"), frozenset()


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
