"""Questions read in one statement get what each would have got alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from prometheus_client import REGISTRY

from service.metrics.catalog import MetricEntry
from service.metrics.query.fill import Point
from service.metrics.query.rollups import Buckets, RollupQuery, Rollups
from service.metrics.query.selection import Grouped, Grouping, group_series, select
from sql.database import Pool
from sql.scope import Scope
from sql.statements import numbers_of
from sql.vocabulary import Aggregation
from tests.integration.rollups import new_series, rollup_query, session, store

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
DAYS = Buckets(("hourly",), "day", "day", "UTC", TODAY)
WEEK = TODAY - 7 * DAY
SALES = MetricEntry("sales", dimensions=("plan",))


@pytest.fixture
def series(database: str) -> list[int]:
    """Four of hourly samples over eight days, each with values of its own, whose sums are exact
    in any order.
    """
    with session(database) as conn:
        series = [new_series(conn, "hourly") for _ in range(4)]
        samples = [
            (TODAY - 8 * DAY + timedelta(hours=n), n, one, (n * one) % 23 / 4)
            for n in range(8 * 24)
            for one in series
        ]
        store(conn, "hourly", samples)
    return series


def wanted_of(
    series: Sequence[int],
    buckets: Buckets = DAYS,
    since: datetime | None = WEEK,
    limit: int = 1000,
) -> list[RollupQuery]:
    """Every aggregation of all of them, of each and of pairs: some share a series."""
    groups = ([0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 1])
    return [
        rollup_query(buckets, since, aggregation, series, group, limit)
        for aggregation in AGGREGATIONS
        for group in groups
    ]


async def alone(pool: Pool, wanted: Sequence[RollupQuery]) -> list[list[Point]]:
    """Each in a statement of its own."""
    rollups = Rollups(pool)
    return [await rollups.points(one) for one in wanted]


async def together(pool: Pool, wanted: Sequence[RollupQuery]) -> tuple[list[list[Point]], int]:
    """All at once, and in how many statements."""
    before = _statements()
    rollups = Rollups(pool)
    points = await asyncio.gather(*map(rollups.points, wanted))
    return points, _statements() - before


def _statements() -> int:
    labels = {"query": "aggregate"}
    return int(REGISTRY.get_sample_value("fature_query_seconds_count", labels) or 0)


async def test_questions_about_a_figure_of_the_same_buckets_are_one_statement(
    pool: Pool, series: list[int]
) -> None:
    wanted = wanted_of(series)
    expected = await alone(pool, wanted)
    assert await together(pool, wanted) == (expected, len(AGGREGATIONS))
    assert [len(points) for points in expected] == [7, 28, 14] * len(AGGREGATIONS)


async def test_each_begins_with_its_own_start(pool: Pool, series: list[int]) -> None:
    later = wanted_of(series, since=TODAY - 3 * DAY)
    wanted = [*later, *wanted_of(series)]
    expected = await alone(pool, wanted)
    assert await together(pool, wanted) == (expected, len(AGGREGATIONS))
    assert [len(points) for points in expected[: len(later)]] == [3, 12, 6] * len(AGGREGATIONS)


async def test_of_other_buckets_each_kind_is_read_by_itself(pool: Pool, series: list[int]) -> None:
    kinds = [
        DAYS,
        replace(DAYS, before=TODAY - DAY),
        replace(DAYS, before=None),
        replace(DAYS, level="hour", zone="America/Sao_Paulo"),
        replace(DAYS, frequencies=("real_time", "hourly")),
        replace(DAYS, whole=True),
    ]
    wanted = [one for buckets in kinds for one in wanted_of(series, buckets)]
    expected = await alone(pool, wanted)
    assert await together(pool, wanted) == (expected, len(kinds) * len(AGGREGATIONS))


@pytest.mark.parametrize("since", [WEEK, None])
@pytest.mark.parametrize("whole", [False, True], ids=["periods", "whole"])
@pytest.mark.parametrize(
    "zone", [{}, {"level": "hour", "zone": "America/Sao_Paulo"}], ids=["days", "days of a zone"]
)
async def test_what_is_behind_an_end_that_lies_ahead_does_not_count(
    pool: Pool, database: str, zone: dict[str, Any], whole: bool, since: datetime | None
) -> None:
    with session(database) as conn:
        series = new_series(conn, "hourly")
        ahead = [TODAY + DAY * n + timedelta(hours=12) for n in range(-1, 4)]
        store(conn, "hourly", [(ts, n, series, 10.0**n) for n, ts in enumerate(ahead)])
    # Midnight in the zone, too, is between the samples.
    end = (TODAY + 2 * DAY) if not zone else (TODAY + 2 * DAY + timedelta(hours=3))
    buckets = replace(DAYS, before=end, whole=whole, **zone)
    points = await Rollups(pool).points(rollup_query(buckets, since, "sum", [series], [0], 1000))
    assert [cell.value for cell in points] == ([111.0] if whole else [1.0, 10.0, 100.0])


async def test_of_a_whole_range_each_start_is_read_by_itself(pool: Pool, series: list[int]) -> None:
    whole = replace(DAYS, whole=True)
    wanted = [*wanted_of(series, whole), *wanted_of(series, whole, TODAY - 3 * DAY)]
    expected = await alone(pool, wanted)
    assert await together(pool, wanted) == (expected, 2 * len(AGGREGATIONS))


async def test_without_a_start_each_is_alone(pool: Pool, series: list[int]) -> None:
    """Nobody knows how much it is."""
    wanted = [*wanted_of(series), *wanted_of(series, since=None)]
    expected = await alone(pool, wanted)
    assert await together(pool, wanted) == (expected, len(AGGREGATIONS) + len(wanted) // 2)


async def test_each_has_the_newest_up_to_its_own_limit(pool: Pool, series: list[int]) -> None:
    for limit in (1, 3, 7, 27):
        wanted = wanted_of(series, limit=limit)
        points, _ = await together(pool, wanted)
        assert points == await alone(pool, wanted)
        assert max(map(len, points)) == limit
        assert points[0][-1].start == TODAY - DAY


async def test_very_many_buckets_are_read_side_by_side(pool: Pool, series: list[int]) -> None:
    hours, since = replace(DAYS, level="hour", period="hour"), TODAY - 200 * DAY
    wanted = [rollup_query(hours, since, "sum", series, [0, 1, 2, 3], 10_000) for _ in range(3)]
    expected = await alone(pool, wanted)
    assert await together(pool, wanted) == (expected, 3)


@pytest.fixture
def catalogue(database: str) -> None:
    """Series of two tenants that differ in one label each."""
    with session(database) as conn:
        conn.execute("INSERT INTO fature.tenant (tenant) VALUES ('acme')")
        conn.execute(
            """
            INSERT INTO fature.metric
                (tenant, metric_name, metric_type, kind, default_aggregation, frequency)
            SELECT tenant, metric_name, 'revenue', 'flow', 'sum', 'hourly'
            FROM unnest('{default,acme}'::text []) AS tenant
            CROSS JOIN unnest('{sales,visits}'::text []) AS metric_name
            """
        )
        conn.execute(
            """
            INSERT INTO fature.series
                (tenant, metric_name, metric_type, frequency, service_name, region, dimensions)
            SELECT tenant, metric_name, 'revenue', 'hourly', service_name, region, plan
            FROM unnest('{default,acme}'::text []) AS tenant
            CROSS JOIN unnest('{sales,visits}'::text []) AS metric_name
            CROSS JOIN unnest('{shop,NULL}'::text []) AS service_name
            CROSS JOIN unnest('{SP,RJ}'::text []) AS region
            CROSS JOIN (VALUES ('{}'::jsonb), ('{"plan": "pro"}'::jsonb)) AS p (plan)
            """
        )


@pytest.mark.usefixtures("catalogue")
async def test_selections_at_once_are_what_each_is_alone(pool: Pool) -> None:
    asked = [
        (Scope(), SALES, {}, 8),
        (Scope("acme"), SALES, {}, 8),
        (Scope(), SALES, {"region": "SP"}, 4),
        (Scope(), SALES, {"plan": "pro"}, 4),
        (Scope("default", "shop"), SALES, {}, 4),
        (Scope("default", "shop"), SALES, {"service_name": "other"}, 0),
        (Scope(), None, {"service_name": "shop"}, 8),
        (Scope(), None, {}, 16),
        (Scope(), MetricEntry("visits"), {"frequency": "daily"}, 0),
        (Scope(), MetricEntry("'; DROP TABLE fature.series; --"), {}, 0),
    ]
    groupings = [Grouping(select(scope, metric, filters)) for scope, metric, filters, _ in asked]
    found = await group_series(pool, groupings)
    assert [len(_ids(found[one])) for one in groupings] == [number for *_, number in asked]
    for one in groupings:
        assert _ids(found[one]) == _ids((await group_series(pool, [one]))[one])


@pytest.mark.usefixtures("catalogue")
async def test_series_are_grouped_by_labels_and_dimensions(pool: Pool) -> None:
    """Every series is in the group of its labels, and those without a label come last."""
    sales = select(Scope(), SALES, {})
    grouping = Grouping(sales, ("service_name", "plan"))
    other = Grouping(select(Scope("acme"), SALES, {"region": "SP"}), ("service_name", "plan"))
    found = await group_series(pool, [grouping, other])
    groups = [("shop", "pro"), ("shop", None), (None, "pro"), (None, None)]
    assert list(found[grouping].groups) == list(found[other].groups) == groups
    by_group = await group_series(pool, [Grouping(select(Scope(), SALES, {"plan": "pro"}))])
    (part,) = found[grouping].parts
    pairs = zip(numbers_of(part.series), numbers_of(part.groups), strict=True)
    pro = sorted(series for series, group in pairs if groups[group][1] == "pro")
    assert pro == _ids(next(iter(by_group.values())))


def _ids(grouped: Grouped) -> list[int]:
    return sorted(one for part in grouped.parts for one in numbers_of(part.series))
