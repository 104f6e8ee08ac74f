"""Samples of which some cannot be stored: the others are."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from retention.policies import accept_ages, parse_keep
from service.metrics.ingest.ids import SampleIds
from service.metrics.ingest.prepare import Preparer
from service.metrics.ingest.room import SeriesLimits
from service.metrics.ingest.sample import Sample
from service.metrics.ingest.series import SeriesCache
from sql.database import create_pool
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
                submission, problems = await preparer.prepare_each(
                    samples, Scope(), datetime.now(UTC)
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
