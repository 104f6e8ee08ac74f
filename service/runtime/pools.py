"""The connections of a process that serves."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict

from service.runtime.settings import Settings
from sql.database import Connections, Pool, create_pool
from sql.replica import Reads
from sql.roles import serving_url

POOL_SIZE = 10
# Questions keep a connection busy; more of them at once would wait for each other in the database.
_READING = POOL_SIZE // 2


@dataclass(frozen=True, slots=True)
class Pools:
    """`write` and `read` lead to the primary, whose URL is `url`. Of `reads` and `figures`, which
    keeps the plans of its statements, questions get connections to the replica while there is one
    and it keeps up. `by_name` has all pools.
    """

    url: str
    write: Pool
    read: Pool
    reads: Reads
    figures: Connections
    by_name: Mapping[str, Pool]


@asynccontextmanager
async def open_pools(settings: Settings) -> AsyncIterator[Pools]:
    """Open, as far as the servers are there; closed at the end."""
    assert settings.database_url is not None
    url = await asyncio.to_thread(serving_url, settings.database_url)
    pools = _pools_of(url, write=POOL_SIZE, read=_READING, figures=_READING)
    name = ""
    if settings.database_read_url:
        replica_url = await asyncio.to_thread(serving_url, settings.database_read_url)
        pools |= _pools_of(replica_url, replica=_READING, replica_figures=_READING)
        name = _name(replica_url)
    try:
        for pool in pools.values():
            await pool.open()
        reads = Reads(
            pools["read"],
            pools.get("replica"),
            name=name,
            max_lag=settings.database_read_max_lag,
        )
        figures = reads.beside(pools["figures"], pools.get("replica_figures"))
        yield Pools(url, pools["write"], pools["read"], reads, figures, pools)
    finally:
        # At the same time: each waits for connections that are just being made.
        await asyncio.gather(*(pool.close() for pool in pools.values()))


def _pools_of(url: str, **sizes: int) -> dict[str, Pool]:
    """Pools of one server by name, of so many connections each."""
    siblings: list[Pool] = []
    return {
        name: create_pool(url, size=size, keeps_plans=name.endswith("figures"), siblings=siblings)
        for name, size in sizes.items()
    }


def _name(url: str) -> str:
    """Host and port of a database, without secrets."""
    params = conninfo_to_dict(url)
    return f"{params.get('host', 'localhost')}:{params.get('port', '5432')}"
