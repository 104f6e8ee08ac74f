"""Which database reads go to while a replica comes into use and fails."""

from contextlib import AsyncExitStack

import pytest
from psycopg.conninfo import make_conninfo

from sql.database import connection, create_pool
from sql.replica import Reads

pytestmark = pytest.mark.anyio


async def test_a_read_during_which_the_replica_comes_into_use_and_fails_is_done_by_the_primary(
    database: str,
) -> None:
    """And not by the replica again, whatever is found of it meanwhile."""
    used: list[str] = []
    async with AsyncExitStack() as stack:
        primary, replica = [
            await stack.enter_async_context(
                create_pool(make_conninfo(database, application_name=name), size=2)
            )
            for name in ("primary", "replica")
        ]
        reads = Reads(primary, replica, max_lag=5)

        async def read() -> str:
            await reads.watch()
            async with connection(reads) as conn:
                name = conn.info.get_parameters()["application_name"]
                used.append(name)
                if name == "replica":
                    await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return name

        assert await reads.retrying(read) == "primary"
    assert used == ["replica", "primary"]
