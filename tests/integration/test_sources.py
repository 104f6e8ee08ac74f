"""Samples without keys, sent again and by several processes: each counts once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from service.metrics.ingest.idempotency import Receipt
from service.metrics.ingest.prepare import Submission
from service.metrics.ingest.sample import Origin, Sample, microseconds
from sql.scope import Scope
from tests.writing import Bench, bench

SECOND = 1_000_000
FIRST = microseconds(datetime.now(UTC) - timedelta(minutes=5))
ONE, OTHER = "1" * 32, "2" * 32


async def sent(
    bench: Bench,
    points: Sequence[tuple[int, float]],
    *,
    source: str = ONE,
    cumulative: bool = False,
    metadata: dict[str, Any] | None = None,
) -> Submission:
    """Values at those seconds after `FIRST`."""
    origin = Origin(source, cumulative)
    items = [
        Sample(
            "orders",
            "revenue",
            value,
            "real_time",
            ts=FIRST + second * SECOND,
            origin=origin,
            metadata=metadata,
        )
        for second, value in points
    ]
    return await bench.preparer.prepare(items, Scope(), datetime.now(UTC))


def stored(url: str) -> list[float]:
    """The values, in the order of their instants."""
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT value FROM fature.sample_real_time ORDER BY ts, id").fetchall()
    return [value for (value,) in rows]


def write(url: str, *steps: Callable[[Bench], Awaitable[Submission]]) -> None:
    """One flush after the other, by a process that ends then."""

    async def action(bench: Bench) -> None:
        async with bench.running():
            for step in steps:
                await bench.writer.submit(await step(bench))

    bench(url, action)


def test_a_batch_that_is_sent_again_counts_once(database: str) -> None:
    batch = [(1, 10.0), (2, 20.0)]
    write(database, lambda b: sent(b, batch), lambda b: sent(b, batch))
    # By a process that was started since, with something new.
    write(database, lambda b: sent(b, [*batch, (3, 30.0)]))
    assert stored(database) == [10.0, 20.0, 30.0]


def test_what_was_voided_does_not_come_back_when_it_is_sent_again(database: str) -> None:
    batch = [(2, 20.0), (1, 10.0)]
    write(database, lambda b: sent(b, batch))
    with psycopg.connect(database) as conn:
        conn.execute(
            """
            WITH gone AS (DELETE FROM fature.sample_real_time WHERE value = 10 RETURNING *)
            INSERT INTO fature.void (sample_id, series_id, ts, value, metadata, reason, actor)
            SELECT id, series_id, ts, value, metadata, 'A typo', 'key:1' FROM gone
            """
        )
        conn.execute("TRUNCATE fature.source")
    write(database, lambda b: sent(b, batch))
    assert stored(database) == [20.0]


def test_values_that_come_late_count_once(database: str) -> None:
    write(
        database,
        lambda b: sent(b, [(5, 50.0)]),
        lambda b: sent(b, [(1, 10.0), (3, 30.0)]),
        lambda b: sent(b, [(1, 10.0), (2, 20.0), (3, 30.0)]),
    )
    assert stored(database) == [10.0, 20.0, 30.0, 50.0]


def test_sources_of_one_series_count_each(database: str) -> None:
    # What tells them apart is in the metadata of their samples.
    def step(source: str, tag: str) -> Callable[[Bench], Awaitable[Submission]]:
        return lambda b: sent(b, [(2, 20.0), (1, 10.0)], source=source, metadata={"host": tag})

    write(database, step(ONE, "a"), step(OTHER, "b"), step(ONE, "a"), step(OTHER, "b"))
    with psycopg.connect(database) as conn:
        conn.execute("TRUNCATE fature.source")
    # Nor where nothing is known of them any more.
    write(database, step(OTHER, "b"), step(ONE, "a"))
    assert stored(database) == [10.0, 10.0, 20.0, 20.0]


def test_a_counter_goes_on_in_a_process_that_was_started_since(database: str) -> None:
    write(database, lambda b: sent(b, [(1, 100.0), (2, 130.0)], cumulative=True))
    write(database, lambda b: sent(b, [(2, 130.0), (3, 131.5)], cumulative=True))
    write(database, lambda b: sent(b, [(4, 2.5)], cumulative=True))
    assert stored(database) == [30.0, 1.5, 2.5]


def test_requests_of_one_flush_are_put_in_order(database: str) -> None:
    async def action(bench: Bench) -> None:
        waiting = bench.wait_with(
            await sent(bench, [(1, 100.0)], cumulative=True),
            await sent(bench, [(3, 130.0)], cumulative=True),
            await sent(bench, [(2, 110.0)], cumulative=True),
        )
        async with bench.running():
            await asyncio.gather(*waiting)

    bench(database, action)
    assert stored(database) == [10.0, 20.0]


def test_processes_that_get_the_same_at_the_same_time_count_it_once(database: str) -> None:
    """Values come to each in another order, the readings of a counter in theirs."""
    points = [(second, second * 10.0) for second in range(1, 41)]
    batches = [points[place : place + 4] for place in range(0, 40, 4)]

    async def process(place: int) -> None:
        async def action(bench: Bench) -> None:
            turned = batches[place:] + batches[:place]
            async with bench.running():
                for values, counts in zip(turned, batches, strict=True):
                    for batch, source in ((values, ONE), (counts, OTHER)):
                        submission = await sent(
                            bench,
                            batch,
                            source=source,
                            cumulative=source is OTHER,
                            metadata={"source": source},
                        )
                        await bench.writer.submit(submission)

        await asyncio.to_thread(lambda: bench(database, action))

    async def at_once() -> None:
        await asyncio.gather(*(process(place) for place in (0, 3, 7)))

    asyncio.run(at_once())
    with psycopg.connect(database) as conn:
        found: dict[str, list[float]] = dict(
            conn.execute(
                """
                SELECT metadata ->> 'source', array_agg(value ORDER BY ts, id)
                FROM fature.sample_real_time
                GROUP BY 1
                """
            ).fetchall()
        )
    assert found[ONE] == [value for _, value in points]
    assert sum(found[OTHER]) == 400.0 - 10.0


def test_a_refused_flush_counts_nothing(database: str) -> None:
    async def action(bench: Bench) -> None:
        good = await sent(bench, [(1, 100.0), (2, 130.0)], cumulative=True)
        bad = await bench.bad(1.0)
        waiting = bench.wait_with(good, bad)
        async with bench.running():
            answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(answers[0], Receipt)
        assert isinstance(answers[1], Exception)

    bench(database, action)
    assert stored(database) == [30.0]
