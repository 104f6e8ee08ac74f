"""The connections of a process that serves."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict

from service.settings import Settings
from sql.database import Pool, create_pool
from sql.replica import Reads
from sql.roles import serving_url

POOL_SIZE = 10


@dataclass(frozen=True, slots=True)
class Pools:
    """`write` and `read` lead to the primary, whose URL is `url`; `reads` to the replica while
    there is one and it keeps up.
    """

    url: str
    write: Pool
    read: Pool
    replica: Pool | None
    reads: Reads

    @property
    def by_name(self) -> Mapping[str, Pool]:
        """The pools by what they are for."""
        pools = {"write": self.write, "read": self.read}
        return pools if self.replica is None else pools | {"replica": self.replica}


@asynccontextmanager
async def open_pools(settings: Settings) -> AsyncIterator[Pools]:
    """Open, as far as the servers are there; closed at the end."""
    assert settings.database_url is not None
    url = await asyncio.to_thread(serving_url, settings.database_url)
    async with AsyncExitStack() as stack:
        write = await stack.enter_async_context(create_pool(url, size=POOL_SIZE))
        read = await stack.enter_async_context(create_pool(url, size=POOL_SIZE))
        replica, name = None, ""
        if settings.database_read_url:
            replica_url = await asyncio.to_thread(serving_url, settings.database_read_url)
            replica = await stack.enter_async_context(create_pool(replica_url, size=POOL_SIZE))
            name = _name(replica_url)
        reads = Reads(read, replica, name=name, max_lag=settings.database_read_max_lag)
        yield Pools(url, write, read, replica, reads)


def _name(url: str) -> str:
    """Where it is, without secrets."""
    params = conninfo_to_dict(url)
    return f"{params.get('host', 'localhost')}:{params.get('port', '5432')}"
