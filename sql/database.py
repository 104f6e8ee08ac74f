"""The connection pool, and running named queries on it."""

import asyncio
import select
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial
from typing import Any, Protocol

import psycopg
import structlog
from prometheus_client import Histogram
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg_pool import AsyncConnectionPool

from sql.connections import Connection as Connection
from sql.connections import liveness
from sql.errors import ConnectionLost, translated_errors
from sql.statements import Query, query

Pool = AsyncConnectionPool[Connection]


class Connections(Protocol):
    """A pool, or what chooses one."""

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for the length of the context."""


SLOW_SECONDS = 0.25
# The first statements of a connection also wait for the server to start a process for it and to
# load TimescaleDB, which says nothing of the statements.
_FIRST = ("begin_session", "keep_plans")
# A connection that was heard of so lately is taken as it is, without a round trip.
_TRUSTED_SECONDS = 5.0
_CHECK_SECONDS = 1.0
# The server is given so much longer than the statement: it tells more than a silent end.
_GRACE_SECONDS = 1.0
# Of each connection: a plan takes a quarter of a megabyte of the server's memory.
_KEPT_PLANS = 50
QUERY_SECONDS = Histogram(
    "fature_query_seconds",
    "Time of a statement, by its name.",
    ["query"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_log = structlog.get_logger()


def create_pool(
    url: str,
    *,
    size: int,
    timeout: float = 5.0,
    keeps_plans: bool = False,
    statement_seconds: float = 10.0,
    siblings: list[Pool] | None = None,
) -> Pool:
    """A pool, still closed, of up to `size` connections to `url`. Instants read are in UTC.

    Waiting for a connection ends after `timeout` seconds in `DatabaseUnavailable`. The server
    ends a statement after `statement_seconds`; where it is silent even then, the connection is
    closed, and so are all idle ones of the pool and of its `siblings`, which lead to the same
    server. Every statement is planned with its own values, but on connections that keep plans:
    those are for `fetch_prepared` alone.
    """
    siblings = [] if siblings is None else siblings

    async def check(conn: Connection) -> None:
        if time.monotonic() - conn.heard_at < _TRUSTED_SECONDS and _is_silent(conn):
            return
        try:
            async with within(_CHECK_SECONDS):
                await AsyncConnectionPool.check_connection(conn)
        except (psycopg.OperationalError, ConnectionLost):
            # Where one is dead the others are: found one by one, with the pool's pauses in
            # between, they would use up the caller's time.
            await pool.drain()
            raise

    async def configure(conn: Connection) -> None:
        conn.patience = statement_seconds + _GRACE_SECONDS
        await _begin_session(conn, statement_seconds)
        if keeps_plans:
            await _keep_plans(conn)
            conn.ends_statements = True
        conn.on_silence = partial(_drain, siblings)

    pool: Pool = AsyncConnectionPool(
        url,
        connection_class=Connection,
        kwargs={
            "row_factory": dict_row,
            "prepare_threshold": None,
            "autocommit": True,
            **liveness(url),
        },
        min_size=1,
        max_size=size,
        timeout=timeout,
        max_waiting=1000,
        open=False,
        check=check,
        configure=configure,
        # The pool waits twice as long before each further try. After this it gives up, and
        # the next caller starts anew: back in seconds, however long the database was away.
        reconnect_timeout=timeout,
    )
    siblings.append(pool)
    return pool


async def _drain(pools: list[Pool]) -> None:
    """Close what is idle in pools, and what is in use once it is returned."""
    for pool in pools:
        if not pool.closed:
            await pool.drain()


async def _begin_session(conn: Connection, statement_seconds: float) -> None:
    """A limit of the server's own, unless a pooler such as PgBouncer stands between, which gives
    the backend to others.
    """
    limit = f"{round(statement_seconds * 1000)}ms"
    await run(conn, "begin_session", {"told": conn.info.backend_pid, "limit": limit})


async def _keep_plans(conn: Connection) -> None:
    """Have statements prepared the second time, unless a pooler such as PgBouncer stands between,
    which may go on with a backend that knows none of them, or others of the same name.
    """
    (row,) = await run(conn, "keep_plans", {"told": conn.info.backend_pid})
    conn.prepare_threshold = 1 if row["kept"] else None
    conn.prepared_max = _KEPT_PLANS


def _is_silent(conn: Connection) -> bool:
    """Whether the server has sent nothing to an idle connection, not even its end. Costs no
    round trip.
    """
    poll = select.poll()
    poll.register(conn.pgconn.socket, select.POLLIN)
    return not poll.poll(0)


@asynccontextmanager
async def dedicated_connection(url: str, patience: float = 30.0) -> AsyncIterator[Connection]:
    """A connection outside any pool, for what belongs to one session, such as its advisory
    locks; it is closed where an answer takes longer than `patience` seconds. Instants are in UTC.
    """
    with translated_errors():
        conn = await Connection.connect(
            url, row_factory=dict_row, prepare_threshold=None, autocommit=True, **liveness(url)
        )
    conn.patience = patience
    try:
        with translated_errors():
            await run(conn, "use_utc")
            yield conn
    finally:
        await conn.close()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """A limit for what is done with a connection; one that waits for its server then is closed.

    Raises:
        ConnectionLost: it took longer; whether it was done is unknown.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise ConnectionLost(f"the database did not answer within {seconds:g} s") from error


@asynccontextmanager
async def connection(pool: Connections) -> AsyncIterator[Connection]:
    """A connection from the pool; errors leave translated."""
    with translated_errors():
        async with pool.connection() as conn:
            yield conn


async def fetch_all(
    pool: Connections, statement: Query | str, params: Mapping[str, Any] | None = None
) -> list[DictRow]:
    """The rows of one statement in a transaction of its own."""
    async with connection(pool) as conn:
        return await run(conn, statement, params)


async def fetch_prepared(
    pool: Connections, statement: Query, params: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """The rows of a statement that is asked again and again, in a transaction of its own. From a
    pool that keeps plans, its plan is made without its values, so that it does for all of them; it
    is made anew where a watermark moved. For what takes as long to plan as to run, and is written
    so that one plan is good for all.
    """
    async with connection(pool) as conn:
        try:
            return await _run_prepared(conn, statement, params)
        except psycopg.Error as error:
            if conn.prepare_threshold is None or conn.broken:
                raise
            # Of what failed when it was prepared, psycopg forgets the name, the server nothing.
            await conn.execute(query("forget_plans").body, prepare=False)
            # Prepared before a migration changed the type of a column.
            if not isinstance(error, psycopg.errors.FeatureNotSupported):
                raise
        return await _run_prepared(conn, statement, params)


async def _run_prepared(
    conn: Connection, statement: Query, params: Mapping[str, Any] | None
) -> list[tuple[Any, ...]]:
    async with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        started = time.perf_counter()
        await cursor.execute(statement.body, params)
        rows = await cursor.fetchall()
        note_duration(statement.name, time.perf_counter() - started)
        return rows


async def run(
    conn: Connection, statement: Query | str, params: Mapping[str, Any] | None = None
) -> list[DictRow]:
    """The rows of one statement on `conn`; none where it returns nothing. Errors leave
    translated.
    """
    statement = query(statement) if isinstance(statement, str) else statement
    started = time.perf_counter()
    with translated_errors():
        cursor = await conn.execute(statement.body, params)
        rows = await cursor.fetchall() if cursor.description else []
    note_duration(statement.name, time.perf_counter() - started)
    return rows


def note_duration(name: str, seconds: float) -> None:
    """Time a statement by its name; log one that took longer than `SLOW_SECONDS`."""
    _query_seconds(name).observe(seconds)
    if seconds > SLOW_SECONDS and name not in _FIRST:
        _log.warning("SLOW_QUERY", query=name, duration_ms=round(seconds * 1000, 1))


@cache
def _query_seconds(name: str) -> Histogram:
    """Looking it up by its label costs more than noting."""
    return QUERY_SECONDS.labels(name)
