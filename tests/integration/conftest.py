"""Fixtures of several integration tests."""

import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from sql.database import Pool, create_pool
from tests.outbox_rows import Outbox


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the service."""
    return "asyncio"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of the tests' own."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate for localhost and one more name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "hooks.example.com").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts that authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
def outbox(database: str) -> Outbox:
    """The outbox of a fresh database."""
    return Outbox(database)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A worker's pool."""
    async with create_pool(database, size=4) as opened:
        yield opened
