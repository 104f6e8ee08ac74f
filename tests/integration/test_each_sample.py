"""Samples of which some cannot be stored: the others are."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from retention.policies import accept_ages, parse_keep
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import Preparer
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.sample import Origin, Sample, Source, microseconds
from service.metrics.ingest.series import SeriesCache
from service.metrics.mapping.point import Foreign, Point
from sql.database import connection, create_pool
from sql.scope import Scope


def prepared(
    url: str, limits: SeriesLimits, *requests: Sequence[Sample]
) -> list[tuple[int, list[tuple[int | None, str]]]]:
    """Of each request, how many samples were taken, and the places and texts of the problems."""

    async def run() -> list[tuple[int, list[tuple[int | None, str]]]]:
        found = []
        async with create_pool(url, size=2) as pool:
            accept = accept_ages(parse_keep(""))
            preparer = Preparer(SeriesCache(pool, limits), SampleIds(pool), accept)
            for samples in requests:
                sources = [Source(sample) for sample in samples]
                values = [Point(Foreign("", ()), sample.value, sample.ts) for sample in samples]
                submission, problems = await preparer.prepare_each(
                    sources, values, Scope(), datetime.now(UTC)
                )
                texts = [(one.index, str(one.message)) for one in problems]
                found.append((submission.count, texts))
        return found

    return asyncio.run(run())


def sample(region: str, metric: str = "orders", unit: str | None = None) -> Sample:
    return Sample(metric, "revenue", 1.0, "hourly", unit, region=region)


def test_series_that_are_too_many_are_refused_and_those_that_exist_go_on(database: str) -> None:
    first = [sample("SP"), sample("RJ")]
    second = [sample("SP"), sample("MG"), sample("RJ"), sample("BA")]
    one, other = prepared(database, SeriesLimits(2, 2), first, second)
    assert one == (2, [])
    taken, problems = other
    assert taken == 2
    assert [place for place, _ in problems] == [1, 3]
    assert all("FATURE_MAX_SERIES_PER_TENANT" in text for _, text in problems)


def test_a_metric_that_only_refused_samples_name_is_not_made(database: str) -> None:
    request = [sample("S\x01P", "never_made"), sample("SP", "made")]
    ((taken, problems),) = prepared(database, SeriesLimits(10, 10), request)
    assert taken == 1
    assert [place for place, _ in problems] == [0]
    ((again, _),) = prepared(database, SeriesLimits(10, 10), [sample("SP", "never_made", "BRL")])
    assert again == 1


def test_what_is_known_of_a_source_is_forgotten_where_the_catalogue_changes(database: str) -> None:
    """And a value at a wrong instant is refused, however well its source is known."""
    now = microseconds(datetime.now(UTC))
    source = Source(
        Sample("orders", "revenue", 0.0, "hourly", metadata={"till": "1"}, origin=Origin("a" * 32))
    )

    async def run() -> None:
        async with create_pool(database, size=2) as pool:
            series = SeriesCache(pool, SeriesLimits(10, 10))
            preparer = Preparer(series, SampleIds(pool), accept_ages(parse_keep("")))

            async def send(*instants: int) -> tuple[set[int], list[int | None]]:
                values = [Point(Foreign("", ()), 1.0, ts) for ts in instants]
                submission, problems = await preparer.prepare_each(
                    [source] * len(values), values, Scope(), datetime.now(UTC)
                )
                ids = {one.series_id for one in submission.readings}
                return ids, [one.index for one in problems]

            for _ in range(2):
                plain, problems = await send(now)
                assert (len(plain), problems) == (1, [])
            known = source.known
            assert known is not None
            assert await send(now, now - 10**15, now + 1) == (plain, [1])
            async with connection(pool) as conn:
                await conn.execute("UPDATE fature.metric SET dimensions = '{till}'")
            await series.reload()
            other, problems = await send(now)
            assert (len(other), problems) == (1, [])
            assert other != plain

    asyncio.run(run())
