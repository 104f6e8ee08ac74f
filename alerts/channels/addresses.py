"""Which addresses a rule's targets may have, and a transport that connects to no other.

A name is resolved once; the addresses checked are the ones connected to, so a name that
resolves differently a moment later gains nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx2

Resolver = Callable[[str, int], Awaitable[list[str]]]

_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """The target is in private, loopback, link-local, multicast or reserved address space."""


def is_public(address: str) -> bool:
    """True where an address is on the public internet; one wrapped in IPv6 decides for it."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        wrapped = _wrapped(ip)
        if wrapped is not None:
            return is_public(str(wrapped))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour


@cache
def _system_trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order; `host` may also be an address."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """Connects to the address it has checked; Host header and TLS keep the name.

    Connections are not kept: the pool would know them by address and hand one made for
    another name on the same address to the next request.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolver: Resolver = resolve,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        limits = httpx2.Limits(max_keepalive_connections=0)
        super().__init__(verify=verify or _system_trust(), trust_env=False, limits=limits)
        self._allow_private = allow_private
        self._resolver = resolver

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Try each address of the host until one accepts a connection.

        Raises:
            AddressRefused: one of them is not public.
        """
        host = request.url.raw_host.decode("ascii").strip("[]")
        addresses = await self._addresses(host, request)
        request.extensions = {**request.extensions, "sni_hostname": host}
        for address in addresses[:-1]:
            try:
                return await self._send_to(address, request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._send_to(addresses[-1], request)

    async def _addresses(self, host: str, request: httpx2.Request) -> Sequence[str]:
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError(
                "the host name cannot be resolved", request=request
            ) from error
        if not addresses:
            raise httpx2.ConnectError("the host name has no address", request=request)
        if not self._allow_private and not all(map(is_public, addresses)):
            raise AddressRefused
        return addresses

    async def _send_to(self, address: str, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(host=address)
        return await super().handle_async_request(request)
