"""Removals of very much: hidden at once, deleted step by step, whoever goes on."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from service.access.caller import Caller, Principal
from service.metrics.corrections.removals import Removals, find_removal
from service.metrics.ingest.sample import Sample
from sql.errors import NotFound
from sql.scope import Scope
from tests.writing import Bench, bench, outcomes, values

pytestmark = pytest.mark.one_engine

CALLER = Caller(Principal("user:1", "admin", Scope()), datetime.now(UTC))


async def follow(_: object) -> None:
    """Nobody is told."""


def test_much_is_hidden_at_once_and_deleted_by_whoever_goes_on(database: str) -> None:
    async def action(bench: Bench) -> None:
        samples = [Sample("m", "revenue", 1, "hourly", region=f"r{n}") for n in range(25)]
        kept = [Sample("n", "revenue", 2, "hourly")]
        submissions = [
            await bench.preparer.prepare(each, Scope(), datetime.now(UTC))
            for each in (samples, kept)
        ]
        waiting = bench.wait_with(*submissions)
        async with bench.running():
            await outcomes(waiting)
        removals = Removals(database, bench.pool, follow, most=10)
        extent = await removals.remove(CALLER, "m")
        assert extent.removal_id is not None
        assert (extent.series, extent.samples) == (25, 25)
        with pytest.raises(NotFound):
            await removals.count(CALLER, "m")
        before = await find_removal(bench.pool, "default", extent.removal_id)
        assert (before["status"], before["series_left"]) == ("running", 25)
        # Two processes at the same time.
        await asyncio.gather(removals.work(), Removals(database, bench.pool, follow).work())
        after = await find_removal(bench.pool, "default", extent.removal_id)
        assert (after["status"], after["series_left"]) == ("done", 0)

    bench(database, action)
    assert values(database) == [2]
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT FROM fature.metric WHERE tenant = '(removed)'").fetchall() == []


def test_what_was_kept_aside_of_imported_history_is_deleted_with_it(database: str) -> None:
    async def action(bench: Bench) -> None:
        one = Sample("m", "revenue", 1, "hourly")
        await bench.preparer.prepare([one], Scope(), datetime.now(UTC))
        with psycopg.connect(database) as conn:
            conn.execute(
                "INSERT INTO fature.imported_base (frequency, level, bucket, series_id, "
                "sample_count) SELECT 'hourly', 'day', now(), series_id, 1 FROM fature.series"
            )
        await Removals(database, bench.pool, follow).remove(CALLER, "m")

    bench(database, action)
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT FROM fature.imported_base").fetchall() == []
