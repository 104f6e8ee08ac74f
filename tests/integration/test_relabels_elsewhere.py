"""Relabels beside a process that does not know of them yet."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from service.access.caller import Caller, Principal
from service.metrics.corrections.relabels import Relabelling, RelabelSpec
from service.metrics.ingest.prepare import Submission
from service.metrics.ingest.sample import Sample, microseconds
from sql.errors import Conflict
from sql.scope import Scope
from tests.writing import Bench, bench, outcomes

pytestmark = pytest.mark.one_engine

CALLER = Caller(Principal("user:1", "admin", Scope()), datetime.now(UTC))
A_TO_B = RelabelSpec(label="region", value="A", to="B", reason="One spelling")


async def follow(_: object) -> None:
    """Nobody is told."""


async def of_region(bench: Bench, region: str, service: str | None = None) -> Submission:
    ts = microseconds(datetime.now(UTC) - timedelta(days=1))
    one = Sample("m", "revenue", 1, "hourly", region=region, service_name=service, ts=ts)
    return await bench.preparer.prepare([one], Scope(), datetime.now(UTC))


async def store(bench: Bench, *submissions: Submission) -> None:
    waiting = bench.wait_with(*submissions)
    async with bench.running():
        await outcomes(waiting)


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
