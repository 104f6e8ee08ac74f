"""Relabels beside a process that does not know of them yet."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from retention.policies import accept_ages, parse_keep
from service.access.caller import Caller, Principal
from service.metrics.corrections.relabels import MergedSeries, Relabelling, RelabelSpec
from service.metrics.corrections.removals import Removals
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.metric_table import MetricTable
from service.metrics.ingest.prepare import Preparer, Submission
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.sample import Sample, microseconds
from service.metrics.ingest.series import SeriesCache
from sql.errors import Conflict
from sql.scope import Scope
from tests.writing import Bench, bench, outcomes

pytestmark = pytest.mark.one_engine

CALLER = Caller(Principal("user:1", "admin", Scope()), datetime.now(UTC))
A_TO_B = RelabelSpec(label="region", value="A", to="B", reason="One spelling")


async def follow(_: object) -> None:
    """Nobody is told."""


def a_sample(region: str, service: str | None = None, metric: str = "m") -> Sample:
    ts = microseconds(datetime.now(UTC) - timedelta(days=1))
    return Sample(metric, "revenue", 1, "hourly", region=region, service_name=service, ts=ts)


async def of_region(bench: Bench, region: str, service: str | None = None) -> Submission:
    one = a_sample(region, service)
    return await bench.preparer.prepare([one], Scope(), datetime.now(UTC))


async def waiting(url: str, number: int) -> None:
    """Return once so many sessions wait for a lock."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        for _ in range(500):
            cursor = await conn.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if await cursor.fetchone() == (number,):
                return
            await asyncio.sleep(0.01)
    pytest.fail("nobody waits")


async def store(bench: Bench, *submissions: Submission) -> None:
    tasks = bench.wait_with(*submissions)
    async with bench.running():
        await outcomes(tasks)


def stored(url: str) -> list[tuple[str, str | None, int]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT s.region, s.service_name, count(h.id) FROM fature.series AS s "
            "LEFT JOIN fature.sample_hourly AS h USING (series_id) "
            "WHERE s.metric_name = 'm' GROUP BY 1, 2 ORDER BY 1, 2 NULLS FIRST"
        ).fetchall()


def test_a_new_series_with_the_old_value_is_never_made(database: str) -> None:
    async def action(bench: Bench) -> None:
        known = await of_region(bench, "A")
        await Relabelling(database, follow).relabel(CALLER, A_TO_B)
        await store(bench, known, await of_region(bench, "A", "shop"), await of_region(bench, "A"))

    bench(database, action)
    assert stored(database) == [("B", None, 2), ("B", "shop", 1)]


def test_more_than_may_be_moved_is_refused_as_a_whole(database: str) -> None:
    async def action(bench: Bench) -> None:
        await store(bench, *[await of_region(bench, region) for region in "AAB"])
        with pytest.raises(Conflict, match="2 samples would move to other series, at most 1"):
            await Relabelling(database, follow, most=1).relabel(CALLER, A_TO_B)

    bench(database, action)
    assert stored(database) == [("A", None, 2), ("B", None, 1)]


@pytest.mark.parametrize("change", ["relabelled", "removed"])
def test_a_series_that_changes_while_others_are_made_is_looked_up_again(
    database: str, change: str
) -> None:
    """Else this process would store all that comes later where nobody looks."""

    async def action(bench: Bench) -> None:
        made = [await of_region(bench, region) for region in "AB"]
        series = SeriesCache(bench.pool, SeriesLimits(100, 100))
        preparer = Preparer(series, SampleIds(bench.pool), accept_ages(parse_keep("")))
        await series.ready()

        async def follow_here(_: object) -> None:
            await series.reload()

        async with await psycopg.AsyncConnection.connect(database) as other:
            await other.execute(
                "INSERT INTO fature.metric (metric_name, metric_type, kind, default_aggregation, "
                "frequency) VALUES ('new', 'revenue', 'flow', 'sum', 'hourly')"
            )
            both = [a_sample("A"), a_sample("A", metric="new")]
            preparing = asyncio.create_task(preparer.prepare(both, Scope(), datetime.now(UTC)))
            await waiting(database, 1)
            if change == "relabelled":
                await Relabelling(database, follow_here).relabel(CALLER, A_TO_B)
            else:
                await Removals(database, bench.pool, follow_here).remove(CALLER, "m")
            await other.rollback()
        await preparing
        again = await preparer.prepare([a_sample("A")], Scope(), datetime.now(UTC))
        await store(bench, *([*made, again] if change == "relabelled" else [again]))

    bench(database, action)
    assert stored(database) == ([("B", None, 2)] if change == "relabelled" else [("A", None, 1)])


def test_a_new_series_of_a_metric_that_is_being_removed_is_of_a_new_one(database: str) -> None:
    async def action(bench: Bench) -> None:
        await of_region(bench, "A")
        async with await psycopg.AsyncConnection.connect(database) as other:
            await other.execute("SELECT FROM fature.metric FOR UPDATE")
            removing = asyncio.create_task(
                Removals(database, bench.pool, follow).remove(CALLER, "m")
            )
            await waiting(database, 1)
            preparing = asyncio.create_task(of_region(bench, "B"))
            await waiting(database, 2)
            await other.rollback()
        await removing
        await store(bench, await preparing)

    bench(database, action)
    assert stored(database) == [("B", None, 1)]


def test_what_was_found_out_of_a_metric_is_forgotten_whatever_is_read_meanwhile(
    database: str,
) -> None:
    async def action(bench: Bench) -> None:
        await of_region(bench, "A")
        table = MetricTable(bench.pool)
        await table.ready()
        before = table.of("default")["m"]
        async with await psycopg.AsyncConnection.connect(database) as other:
            await other.execute("LOCK TABLE fature.metric")
            reading = asyncio.create_task(table.reload())
            await waiting(database, 1)
            table.renew()
            await other.rollback()
        assert await reading == set()
        assert table.of("default")["m"] is not before

    bench(database, action)


def test_imported_samples_on_their_way_to_a_merged_series_arrive(database: str) -> None:
    async def action(bench: Bench) -> None:
        for region in "AB":
            await of_region(bench, region)
        await Relabelling(database, follow).relabel(CALLER, A_TO_B)
        with psycopg.connect(database) as conn:
            conn.execute(
                "INSERT INTO fature.imported_hourly (ts, id, series_id, value, batch_id) "
                "SELECT now(), 1, series_id, 4, 0 FROM fature.merged_series"
            )
        await MergedSeries(database, follow).move_late("1 hour")

    bench(database, action)
    with psycopg.connect(database) as conn:
        regions = "SELECT region FROM fature.imported_hourly JOIN fature.series USING (series_id)"
        assert conn.execute(regions).fetchall() == [("B",)]


def test_relabels_of_less_and_of_more_never_go_in_a_circle(database: str) -> None:
    of_one, back = replace(A_TO_B, metric_name="m"), replace(A_TO_B, value="B", to="A")

    async def action(bench: Bench) -> None:
        relabelling = Relabelling(database, follow)
        await relabelling.relabel(CALLER, of_one)
        await relabelling.relabel(CALLER, back)
        await store(bench, await of_region(bench, "A", "shop"), await of_region(bench, "B", "shop"))
        for action in (relabelling.count, relabelling.relabel):
            with pytest.raises(Conflict, match="'B' is itself stored as another value"):
                await action(CALLER, of_one)

    bench(database, action)
    assert stored(database) == [("A", "shop", 2)]
