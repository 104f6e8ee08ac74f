"""Rules of where a window will end, lived through and looked back on."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest

from alerts.backtest import backtest, sightings
from alerts.errors import RuleProblem
from alerts.loop import tick
from alerts.memory import Memory
from alerts.registry import create_rule
from alerts.rules import Rule
from sql.database import Pool, create_pool, dedicated_connection
from sql.errors import DatabaseTimeout
from tests.alert_loop import (
    CONTEXT,
    SCOPE,
    UTC_ZONE,
    add_samples,
    author,
    events_of,
    execute,
    pause_refreshes,
    rule_of,
)

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A month and, with the 2nd, a week begin.
UNTIL = datetime(2026, 3, 3, tzinfo=UTC)
SINCE = UNTIL - 2 * DAY
REGIONS = ("SP", "RJ")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Without the default rules, so that only a test's own are judged."""
    execute(database, "DELETE FROM fature.alert_rule")
    pause_refreshes(database)
    async with create_pool(database, size=4) as opened:
        yield opened


def samples(chance: random.Random, days: int) -> Iterator[tuple[datetime, float]]:
    """Some 100 every three hours by day, less by night, with gaps and bad days."""
    at = UNTIL - days * DAY
    factor = 1.0
    while at < UNTIL:
        if at.hour == 0:
            factor = chance.choice((0.4, 1.0, 1.0, 1.2))
        usual = 100.0 if 8 <= at.hour < 22 else 10.0
        if chance.random() < 0.9:
            yield at, round(usual * factor * chance.uniform(0.8, 1.2), 2)
        at += 3 * HOUR


def some_rule(chance: random.Random, window: str) -> Rule:
    aggregation = chance.choice(("sum", "count", "avg", "last", "max"))
    # About what a day, week or month has.
    scale = {"day": 1, "week": 7, "month": 30}[window]
    usual = {"sum": 420.0 * scale, "count": 7.2 * scale}.get(aggregation, 60.0)
    return rule_of(
        "orders_value",
        type="forecast",
        window=window,
        aggregation=aggregation,
        condition=chance.choice(("<", ">")),
        threshold_value=usual * chance.choice((0.9, 1.0, 1.1)),
        settle=0,
        group_by=chance.choice(([], ["region"])),
        no_data=chance.choice(("ignore", "alert")),
        min_samples=chance.choice((0, 0, 2)),
    )


async def test_a_backtest_opens_and_resolves_what_the_loop_does(
    database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is, each forecast is there when it is needed.
    monkeypatch.setattr("alerts.loop._FORECASTING", 60.0)
    chance = random.Random(5)
    by_region = {region: list(samples(chance, 45)) for region in REGIONS}
    for region, its in by_region.items():
        before = [one for one in its if one[0] < SINCE]
        add_samples(database, "orders_value", before, region=region)
    rules = [some_rule(chance, ("day", "week", "month")[number % 3]) for number in range(9)]
    rows: dict[int, Any] = {}
    now = SINCE + HOUR
    async with dedicated_connection(database) as conn:
        memory = Memory()
        while now <= UNTIL:
            for region, its in by_region.items():
                new = [one for one in its if now - HOUR <= one[0] < now]
                add_samples(database, "orders_value", new, region=region)
            for number, rule in enumerate(rules):
                # A backtest looks at weeks and months when their days end.
                if number not in rows and (rule.window == "day" or now.hour == 0):
                    rows[number] = await create_rule(pool, SCOPE, rule, author(now))
            outcome = await tick(conn, memory, now, UTC_ZONE, CONTEXT)
            assert outcome.errors == {}
            now += HOUR

    opened = 0
    for number, rule in enumerate(rules):
        tested = await backtest(pool, SCOPE, rule, (UNTIL - SINCE).days, UNTIL, UTC_ZONE)
        expected = [
            (one.opened_at, one.resolved_at, one.value, one.peak_value, one.window_start, one.group)
            for one in tested.episodes
        ]
        lived = [
            (one["opened_at"], one["resolved_at"], one["value"], one["peak_value"],
             one["window_start"], one["group_labels"])
            for one in events_of(database, rows[number]["rule_id"])
        ]  # fmt: skip
        assert sorted(lived, key=str) == sorted(expected, key=str), rule
        opened += len(lived)
    assert opened > len(rules)


def revenue(until: datetime) -> list[tuple[datetime, float]]:
    """2,000 a day, and half of it from February 10 on."""
    fell = datetime(2026, 2, 10, tzinfo=UTC)
    days = [until - number * DAY for number in range(1, 91)]
    return [(day, 2000.0 if day < fell else 1000.0) for day in reversed(days)]


async def test_a_month_that_will_end_below_is_told_while_it_is_under_way(
    database: str, pool: Pool
) -> None:
    until = datetime(2026, 2, 21, tzinfo=UTC)
    add_samples(database, "revenue_daily", revenue(until), frequency="daily", unit="BRL")
    rule = rule_of("revenue_daily", type="forecast", condition="<", threshold_value=50_000)
    row = await create_rule(pool, SCOPE, rule, author(until))
    async with dedicated_connection(database) as conn:
        now = until + timedelta(minutes=1)
        assert (await tick(conn, Memory(), now, UTC_ZONE, CONTEXT)).errors == {}
    (event,) = events_of(database, row["rule_id"])
    assert event["window_start"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert event["window_end"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert event["compared"]["figure"] == 9 * 2000 + 11 * 1000
    lower, upper = event["compared"]["lower"], event["compared"]["upper"]
    assert event["compared"]["figure"] < lower <= event["value"] <= upper
    assert event["value"] < 50_000

    tested = await backtest(pool, SCOPE, rule, 20, now, UTC_ZONE)
    (episode,) = tested.episodes
    # Not before the fall, as it would have ended at 56,000.
    assert datetime(2026, 2, 10, tzinfo=UTC) < episode.opened_at <= until
    ((sighting),) = sightings(tested)
    assert (sighting.is_firing, sighting.reading.value) == (True, event["value"])


async def test_a_forecast_that_failed_is_made_again_on_the_same_day(
    database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> NoReturn:
        raise DatabaseTimeout("canceling statement due to statement timeout")

    until = datetime(2026, 2, 21, tzinfo=UTC)
    add_samples(database, "revenue_daily", revenue(until), frequency="daily", unit="BRL")
    rule = rule_of("revenue_daily", type="forecast", condition="<", threshold_value=50_000)
    row = await create_rule(pool, SCOPE, rule, author(until))
    monkeypatch.setattr("alerts.outlooks._RETRY_SECONDS", 0.0)
    async with dedicated_connection(database) as conn:
        memory, now = Memory(), until + timedelta(minutes=1)
        with monkeypatch.context() as broken:
            broken.setattr("alerts.learning.read_values", busy)
            assert (await tick(conn, memory, now, UTC_ZONE, CONTEXT)).errors == {}
        assert events_of(database, row["rule_id"]) == []
        await tick(conn, memory, now + timedelta(seconds=15), UTC_ZONE, CONTEXT)
    assert len(events_of(database, row["rule_id"])) == 1


async def test_what_comes_later_changes_no_forecast_of_before(database: str, pool: Pool) -> None:
    until = datetime(2026, 2, 21, tzinfo=UTC)
    add_samples(database, "revenue_daily", revenue(until), frequency="daily", unit="BRL")
    rule = rule_of("revenue_daily", type="forecast", condition="<", threshold_value=50_000)
    before = await backtest(pool, SCOPE, rule, 15, until, UTC_ZONE)
    later = [(until + number * DAY, 90_000.0) for number in range(5)]
    add_samples(database, "revenue_daily", later, frequency="daily", unit="BRL")
    after = await backtest(pool, SCOPE, rule, 20, until + 5 * DAY, UTC_ZONE)
    assert [one.opened_at for one in before.episodes] == [one.opened_at for one in after.episodes]
    assert [one.value for one in before.episodes] == [one.value for one in after.episodes]


async def test_so_many_forecasts_are_not_made_in_a_test(database: str, pool: Pool) -> None:
    add_samples(database, "revenue_daily", [(UNTIL - DAY, 5.0)], frequency="daily")
    rule = rule_of("revenue_daily", type="forecast", condition="<", threshold_value=50_000)
    with pytest.raises(RuleProblem, match="at most 150"):
        await backtest(pool, SCOPE, rule, 200, UNTIL, UTC_ZONE)
