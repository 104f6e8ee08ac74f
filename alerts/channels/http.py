"""One POST, and what its answer means for the next attempt."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from alerts.channels.addresses import AddressRefused, CheckedTransport, Resolver, resolve
from alerts.channels.base import TransportError
from sql.messages import Message

TIMEOUT_SECONDS = 10.0
_MAY_PASS = frozenset({408, 425, 429})
_MAX_ANSWER = 4096


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts to targets that rules may choose; private ones only if `allow_private`."""

    allow_private: bool = False
    timeout: float = TIMEOUT_SECONDS
    resolver: Resolver = resolve
    verify: ssl.SSLContext | None = None

    async def post(
        self,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
        auth: tuple[str, str] | None = None,
    ) -> bytes:
        """The beginning of the answer, once the receiver has accepted.

        Raises:
            TransportError: it has not, within `timeout` seconds all in all.
        """
        try:
            async with asyncio.timeout(self.timeout):
                answer, body = await self._exchange(_target(url), content, headers, auth)
        except (TimeoutError, httpx2.TimeoutException) as error:
            said = Message("no answer within {seconds} s", {"seconds": f"{self.timeout:g}"})
            raise TransportError(said, permanent=False) from error
        except AddressRefused as error:
            said = Message(
                "the target is in private, loopback or reserved address space "
                "(FATURE_WEBHOOK_ALLOW_PRIVATE allows it)"
            )
            raise TransportError(said, permanent=True) from error
        except (httpx2.RequestError, OSError) as error:
            raise TransportError(_in_words(error), permanent=False) from error
        raise_for_status(answer, body, datetime.now(UTC))
        return body

    async def _exchange(
        self,
        url: httpx2.URL,
        content: bytes,
        headers: Mapping[str, str],
        auth: tuple[str, str] | None,
    ) -> tuple[httpx2.Response, bytes]:
        transport = CheckedTransport(
            allow_private=self.allow_private, resolver=self.resolver, verify=self.verify
        )
        async with (
            httpx2.AsyncClient(
                transport=transport, trust_env=False, timeout=self.timeout, auth=auth
            ) as client,
            client.stream("POST", url, content=content, headers=dict(headers)) as answer,
        ):
            return answer, await _beginning(answer)


def raise_for_status(answer: httpx2.Response, body: bytes, now: datetime) -> None:
    """Nothing on 2xx.

    Raises:
        TransportError: on everything else; 408, 425, 429 and 5xx may pass.
    """
    status = answer.status_code
    if answer.is_success:
        return
    if answer.is_redirect:
        said = Message("answered {status}; redirects are not followed", {"status": status})
        raise TransportError(said, permanent=True)
    may_pass = status in _MAY_PASS or status >= 500
    wait = retry_after(answer.headers.get("retry-after"), now) if may_pass else None
    said = Message("answered {status}", {"status": status})
    raise RefusedError(said, body, permanent=not may_pass, retry_after=wait, held=status == 429)


class RefusedError(TransportError):
    """The receiver answered with an error; `body` is the beginning of its answer."""

    def __init__(
        self,
        detail: Message,
        body: bytes,
        *,
        permanent: bool,
        retry_after: float | None,
        held: bool,
    ) -> None:
        super().__init__(detail, permanent=permanent, retry_after=retry_after, held=held)
        self.body = body


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header, which gives seconds or a date; None if neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - now).total_seconds())


def host_of(url: str) -> str:
    """The host and port of a URL; empty where it is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


async def _beginning(answer: httpx2.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_raw(_MAX_ANSWER):
        body += chunk
        if len(body) >= _MAX_ANSWER:
            break
    return body[:_MAX_ANSWER]


def _target(url: str) -> httpx2.URL:
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise TransportError(Message("the target is not a URL"), permanent=True) from error
    if target.scheme not in ("http", "https") or not target.host:
        said = Message("the target is not an http or https URL")
        raise TransportError(said, permanent=True)
    return target


def _in_words(error: Exception) -> Message:
    if isinstance(error, httpx2.ConnectError):
        if isinstance(error.__cause__, ssl.SSLError) or "certificate" in str(error).lower():
            return Message("the TLS handshake failed")
        return Message("cannot connect")
    if isinstance(error, httpx2.RemoteProtocolError):
        return Message("the answer is not HTTP, or ended early")
    return Message("the connection failed ({error})", {"error": type(error).__name__})
