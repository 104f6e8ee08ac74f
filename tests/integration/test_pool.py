"""Connections: the pool while its database is away, and what every one of them has."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sql.database import (
    Pool,
    create_pool,
    dedicated_connection,
    fetch_all,
    fetch_prepared,
    run,
    within,
)
from sql.engine import Engine
from sql.errors import ConnectionLost, DatabaseTimeout, DatabaseUnavailable
from sql.statements import Query
from tests.conftest import DatabaseServer, free_port
from tests.network import Network, network_to

pytestmark = pytest.mark.one_engine


@asynccontextmanager
async def relay(port: int, to_port: int) -> AsyncIterator[None]:
    """Passes connections to `port` on until they are closed; before and after, it is away."""
    under_way: list[asyncio.Task[None]] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_database, to_database = await asyncio.open_connection("127.0.0.1", to_port)
        under_way.append(asyncio.create_task(copy(reader, to_database)))
        under_way.append(asyncio.create_task(copy(from_database, writer)))

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield
    await asyncio.gather(*under_way)


def test_after_a_long_outage_the_first_caller_is_served(
    servers: Callable[[Engine], DatabaseServer],
) -> None:
    url = servers("plain").new_database()
    away = free_port()

    async def scenario() -> None:
        pool = create_pool(make_conninfo(url, port=away), size=2, timeout=1.5)
        await pool.open()
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                await fetch_all(pool, "installation")
        async with relay(away, int(str(conninfo_to_dict(url)["port"]))):
            assert len(await fetch_all(pool, "installation")) == 1
            await pool.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("keeps_plans", [False, True])
def test_instants_are_in_utc_whatever_the_server_has(database: str, keeps_plans: bool) -> None:
    async def scenario() -> None:
        url = make_conninfo(database, options="-c TimeZone=America/New_York")
        async with create_pool(url, size=1, keeps_plans=keeps_plans) as pool:
            (row,) = await fetch_all(pool, Query("instant", sql.SQL("SELECT now() AS now")))
            assert row["now"].tzinfo is UTC
        async with dedicated_connection(url) as conn:
            (row,) = await run(conn, Query("instant", sql.SQL("SELECT now() AS now")))
            assert row["now"].tzinfo is UTC

    asyncio.run(scenario())


PID = Query("pid", sql.SQL("SELECT pg_backend_pid() AS pid"))


def test_a_statement_ends_at_its_limit_and_its_connection_stays(database: str) -> None:
    async def scenario() -> None:
        async with create_pool(database, size=1, statement_seconds=0.5) as pool:
            before = await fetch_all(pool, PID)
            with pytest.raises(DatabaseTimeout):
                await fetch_all(pool, Query("sleep", sql.SQL("SELECT pg_sleep(60)")))
            assert await fetch_all(pool, PID) == before

    asyncio.run(scenario())


def test_connections_that_fell_silent_are_given_up(database: str) -> None:
    async def scenario(network: Network) -> None:
        async with create_pool(network.url, size=2, statement_seconds=0.5) as pool:
            (before,) = await fetch_all(pool, PID)
            network.forget()
            # It was heard of a moment ago, and is taken for good.
            with pytest.raises(ConnectionLost):
                await fetch_all(pool, PID)
            (after,) = await fetch_all(pool, PID)
            assert after != before

    with network_to(database) as network:
        asyncio.run(scenario(network))


def test_who_stops_waiting_is_not_kept_by_a_silent_database(database: str) -> None:
    async def scenario(network: Network) -> None:
        async with create_pool(network.url, size=2) as pool:
            await fetch_all(pool, PID)
            network.forget()
            with pytest.raises(ConnectionLost):
                async with within(0.5):
                    await fetch_all(pool, PID)

    with network_to(database) as network:
        asyncio.run(asyncio.wait_for(scenario(network), timeout=8))


def test_a_question_that_nobody_waits_for_ends_and_costs_others_no_connection(
    database: str,
) -> None:
    sleep = Query("sleep", sql.SQL("SELECT pg_sleep(60)"))
    sleeping = sql.SQL("SELECT count(*) AS count FROM pg_stat_activity WHERE query = %(sleep)s")
    params = {"sleep": "SELECT pg_sleep(60)"}

    async def scenario() -> None:
        siblings: list[Pool] = []
        async with (
            create_pool(database, size=1, siblings=siblings) as others,
            create_pool(database, size=2, keeps_plans=True, siblings=siblings) as figures,
        ):
            before = await fetch_all(others, PID)
            with pytest.raises(TimeoutError):
                # Longer than what a dead connection is told by.
                async with asyncio.timeout(1.2):
                    await fetch_prepared(figures, sleep, {})
            for _ in range(250):
                (row,) = await fetch_all(others, Query("sleeping", sleeping), params)
                if row["count"] == 0:
                    break
                await asyncio.sleep(0.02)
            assert row["count"] == 0
            assert await fetch_all(others, PID) == before
            assert await fetch_prepared(figures, PID, {})

    asyncio.run(scenario())


def test_a_connection_notices_a_vanished_peer_unless_its_url_says_otherwise(database: str) -> None:
    def limit_of_socket(number: int) -> int:
        with socket.socket(fileno=os.dup(number)) as copy:
            return copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    async def limits(url: str) -> set[int]:
        async with (
            dedicated_connection(url) as conn,
            create_pool(url, size=1) as pool,
            pool.connection() as pooled,
        ):
            return {limit_of_socket(each.pgconn.socket) for each in (conn, pooled)}

    assert asyncio.run(limits(database)) == {10_000}
    assert asyncio.run(limits(make_conninfo(database, tcp_user_timeout=3000))) == {3000}
