"""Closes beside samples that are on their way: whichever is committed first, none is in a period
that was closed before it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from service.access.caller import Caller, Principal
from service.metrics.corrections.closes import Closes
from service.metrics.ingest.closed import Closed, Late
from service.metrics.ingest.prepare import Submission
from service.metrics.ingest.sample import Sample, microseconds
from sql.database import dedicated_connection, run
from sql.errors import Conflict
from sql.scope import Scope
from tests.writing import Bench, bench, outcomes, values

pytestmark = pytest.mark.one_engine

OLD = datetime.now(UTC) - timedelta(days=3)
UNTIL = (datetime.now(UTC) - timedelta(days=2)).date()
LATE = Late("default", "revenue", OLD)


async def follow(*_: str) -> None:
    """Nothing follows."""


async def close(bench: Bench) -> None:
    caller = Caller(Principal("user:1", "admin", Scope()), datetime.now(UTC))
    await Closes(bench.pool, ZoneInfo("UTC"), follow).close(caller, UNTIL, "revenue")


async def submission(bench: Bench, value: float, moment: datetime) -> Submission:
    sample = Sample("m", "revenue", value, "hourly", ts=microseconds(moment))
    return await bench.preparer.prepare([sample], Scope(), datetime.now(UTC))


def test_what_was_closed_after_its_check_is_refused_alone(database: str) -> None:
    async def action(bench: Bench) -> Sequence[object]:
        late = await submission(bench, 1, OLD)
        also = replace(await submission(bench, 2, OLD), metrics=frozenset())
        fresh = await submission(bench, 3, datetime.now(UTC))
        await close(bench)
        waiting = bench.wait_with(late, fresh, also)
        async with bench.running():
            return await outcomes(waiting)

    found = bench(database, action)
    assert [isinstance(one, Closed) for one in found] == [True, False, True]
    assert "revenue is closed until" in str(found[0])
    assert values(database) == [3]


def test_a_close_waits_for_samples_that_are_being_stored(database: str) -> None:
    async def action(bench: Bench) -> None:
        async with dedicated_connection(database) as conn:
            async with conn.transaction():
                columns = dict(zip(("tenants", "metric_types", "oldest"), zip(LATE), strict=True))
                params = {name: list(column) for name, column in columns.items()}
                assert await run(conn, "closed_by", params) == []
                closing = asyncio.create_task(close(bench))
                await asyncio.sleep(0.5)
                assert not closing.done()
            await closing

    bench(database, action)


def test_samples_of_today_are_stored_by_one_statement(database: str) -> None:
    async def action(bench: Bench) -> None:
        assert not (await submission(bench, 1, datetime.now(UTC))).late
        (late,) = (await submission(bench, 1, OLD)).late
        assert late.oldest == OLD

    bench(database, action)


def test_nothing_is_closed_while_a_job_voids_samples_of_it(database: str) -> None:
    async def action(bench: Bench) -> None:
        await submission(bench, 1, OLD)
        with psycopg.connect(database) as conn:
            conn.execute(
                "INSERT INTO fature.void_job (tenant, metric_name, reason, actor, series, since, "
                "before, total) VALUES ('default', 'm', 'r', 'key:1', '{}', now() - interval "
                "'9 days', now(), 1)"
            )
        with pytest.raises(Conflict, match="being voided"):
            await close(bench)

    bench(database, action)
