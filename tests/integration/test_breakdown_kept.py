"""Breakdowns of very many buckets, of which what is materialised is kept for a minute."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from service.access.caller import Caller, Principal
from service.metrics import breakdowns
from service.metrics.breakdowns import Breakdowns
from service.metrics.catalog import MetricEntry
from service.metrics.query.aggregate import Aggregates
from service.metrics.query.breakdown import BreakdownQuery
from service.metrics.query.source import OwnSource
from service.metrics.query.spec import aggregate_query
from service.runtime.lifespan import running_resources
from service.runtime.settings import Settings
from service.runtime.stopping import Stopping
from sql import calendar
from sql.calendar import Period
from sql.database import Pool
from sql.decimals import exact_sum
from sql.engine import Engine
from sql.scope import Scope
from sql.vocabulary import Aggregation, Frequency
from tests.integration.rollups import number, refresh, session, store

pytestmark = pytest.mark.anyio

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
# In whole weeks, which are read from the same rollup by the hour and by the day.
WEEKS = tuple(calendar.floor(TODAY - ago * DAY, "week", UTC_ZONE) for ago in (28, 7))
METRIC = MetricEntry("sales", is_known=True)


@pytest.fixture
def series(database: str, engine: Engine) -> list[int]:
    """Of six affiliates, hourly up to now; materialised where that is done."""
    with session(database) as conn:
        conn.execute(
            """
            INSERT INTO fature.metric (
                metric_name, metric_type, kind, default_aggregation, frequency
            )
            VALUES ('sales', 'revenue', 'flow', 'sum', 'hourly')
            """
        )
        rows = conn.execute(
            """
            INSERT INTO fature.series (metric_name, metric_type, frequency, affiliate_id)
            SELECT 'sales', 'revenue', 'hourly', 'a' || n FROM generate_series(1, 6) AS n
            RETURNING series_id
            """
        )
        series = [row[0] for row in rows]
        ages = range(0, 40 * 24, 7)
        store(
            conn,
            "hourly",
            [
                (NOW - timedelta(hours=age), age, one, (age * one) % 97 / 4 - 3)
                for age in ages
                for one in series
            ],
        )
        if engine == "timescale":
            refresh(conn, "hourly", NOW - 130 * DAY, NOW - timedelta(hours=2))
    return series


def wanted(aggregation: Aggregation) -> BreakdownQuery:
    figures = aggregate_query(
        METRIC,
        Scope(),
        UTC_ZONE,
        aggregation=aggregation,
        since=TODAY - 33 * DAY,
        before=TODAY + DAY,
        group_by=("affiliate_id",),
    )
    return BreakdownQuery(figures, "previous_day", order="name")


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
async def test_kept_or_not_the_groups_are_the_same(
    pool: Pool, series: list[int], aggregation: Aggregation, monkeypatch: pytest.MonkeyPatch
) -> None:
    aggregates = Aggregates(pool, OwnSource(pool, pool), UTC_ZONE, 30 * DAY, lambda *_: None)
    asked = wanted(aggregation)
    plain = await Breakdowns(aggregates, pool, UTC_ZONE).breakdown(asked, NOW)
    monkeypatch.setattr(breakdowns, "VERY_MANY", 1)
    kept = Breakdowns(aggregates, pool, UTC_ZONE)
    for _ in range(2):
        assert await kept.breakdown(asked, NOW) == plain
    assert len(plain.rows) == len(series)


async def test_what_is_kept_is_of_the_series_that_are_asked_for(
    pool: Pool, database: str, engine: Engine, series: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(database) as conn:
        others: dict[Frequency, str | None] = {"daily": None, "hourly": "BRL"}
        for frequency, unit in others.items():
            one = number(
                conn,
                """
                INSERT INTO fature.series (metric_name, metric_type, frequency, affiliate_id, unit)
                VALUES ('sales', 'revenue', %(frequency)s, 'a1', %(unit)s)
                RETURNING series_id
                """,
                {"frequency": frequency, "unit": unit},
            )
            # The newer one is in none of the weeks: it lets them be materialised.
            ages = (1, 20)
            store(
                conn,
                frequency,
                [(TODAY - ago * DAY, 20_000 + 100 * ago + one, one, 1000.0) for ago in ages],
            )
            if engine == "timescale":
                refresh(conn, frequency, NOW - 130 * DAY, NOW - timedelta(hours=2))
    monkeypatch.setattr(breakdowns, "VERY_MANY", 1)
    aggregates = Aggregates(pool, OwnSource(pool, pool), UTC_ZONE, 30 * DAY, lambda *_: None)
    kept = Breakdowns(aggregates, pool, UTC_ZONE)

    async def value_of(period: Period, *group_by: str) -> float:
        figures = aggregate_query(
            METRIC,
            Scope(),
            UTC_ZONE,
            period=period,
            since=WEEKS[0],
            before=WEEKS[1],
            group_by=("affiliate_id", *group_by),
            units="main",
        )
        found = await kept.breakdown(BreakdownQuery(figures, order="name"), NOW)
        return exact_sum(row.value or 0.0 for group, row in found.rows if group[0] == "a1")

    hours = await value_of("hour")
    assert await value_of("day") == hours + 1000
    assert await value_of("day", "unit") == hours + 2000


async def test_what_is_newer_than_what_is_kept_counts_at_once(
    pool: Pool, database: str, series: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakdowns, "VERY_MANY", 1)
    aggregates = Aggregates(pool, OwnSource(pool, pool), UTC_ZONE, 30 * DAY, lambda *_: None)
    kept = Breakdowns(aggregates, pool, UTC_ZONE)
    before = await kept.breakdown(wanted("count"), NOW)
    with session(database) as conn:
        store(conn, "hourly", [(NOW, 10_000 + one, one, 1.0) for one in series])
    after = await kept.breakdown(wanted("count"), NOW)
    assert before.total.value is not None
    assert after.total.value == before.total.value + len(series)


async def test_what_is_corrected_counts_at_once(
    database: str,
    engine: Engine,
    series: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breakdowns, "VERY_MANY", 1)
    twice = 10_000
    with session(database) as conn:
        store(conn, "hourly", [(NOW - 10 * DAY, twice, series[0], 5.0)])
        if engine == "timescale":
            refresh(conn, "hourly", NOW - 130 * DAY, NOW - timedelta(hours=2))
    settings = Settings(database_url=database, data_dir=tmp_path, alert_interval=0)
    async with running_resources(settings, engine, Stopping()) as resources:
        before = await resources.breakdowns.breakdown(wanted("count"), NOW)
        caller = Caller(Principal("user:1", "admin", Scope()), NOW)
        await resources.corrections.void(caller, twice, "counted twice")
        after = await resources.breakdowns.breakdown(wanted("count"), NOW)
    assert before.total.value is not None
    assert after.total.value == before.total.value - 1
