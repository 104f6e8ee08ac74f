"""Backtests and the loop decide alike: random rules over a random past, lived through."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.backtest import backtest
from alerts.loop import tick
from alerts.memory import Memory
from alerts.registry import create_rule
from alerts.rules import Rule
from alerts.selection import watch_of
from sql.database import Pool, create_pool, dedicated_connection
from tests.alert_loop import (
    CONTEXT,
    NOON,
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
UNTIL = NOON.replace(hour=0)
SINCE = UNTIL - 3 * DAY
REGIONS = ("SP", "RJ")
NUMBER = 40


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


def samples(chance: random.Random) -> Iterator[tuple[Any, float]]:
    """Some an hour, over five weeks: a week like another, with gaps, dips and nights."""
    at = SINCE - 33 * DAY
    while at < UNTIL:
        usual = 100.0 if 8 <= at.hour < 22 else 10.0
        for number in range(chance.choice((0, 1, 2, 2, 3))):
            factor = chance.choice((0.2, 1, 1, 1, 3))
            yield at + timedelta(minutes=7 + number), round(usual * factor, 2)
        at += HOUR


def some_rule(chance: random.Random) -> Rule:
    fields: dict[str, Any] = {
        "window": chance.choice(("hour", "hour", "day", "2h")),
        "aggregation": chance.choice(("sum", "avg", "count", "max", "last")),
        "condition": chance.choice(("<", ">")),
        "settle": 0,
        "for": chance.choice((0, 0, "2h")),
        "keep_firing_for": chance.choice((0, 0, "1h")),
        "no_data": chance.choice(("ignore", "alert", "resolve")),
        "min_samples": chance.choice((0, 0, 2)),
        "group_by": chance.choice(([], ["region"])),
        "threshold_value": chance.choice((2, 90, 150)),
    }
    if chance.random() < 0.7:
        compares = ("previous_period", "previous_day", "previous_week", "average_4_weeks")
        fields |= {"type": "change", "compare": chance.choice(compares)}
        fields |= {"change": chance.choice(("percent", "absolute")), "threshold_value": -20}
    # Between the edges of days a backtest looks when hours begin, the loop all the time.
    if fields["window"] != "day" and chance.random() < 0.5:
        start, end = chance.choice((("08:00", "18:00"), ("20:00", "07:00"), ("00:00", "24:00")))
        days = ["mon", "tue", "sat"] if chance.random() < 0.5 else ["fri", "sun", "tue"]
        fields |= {"schedule": {"days": days, "from": start, "to": end}}
    return rule_of("orders_value", **fields)


def first_look(rule: Rule) -> datetime:
    """A backtest looks at days when they end, but at those that may fire early by the hour."""
    is_by_day = rule.window == "day" and not watch_of(rule, None).may_fire_early
    return SINCE + (DAY if is_by_day else HOUR)


async def test_a_backtest_opens_and_resolves_what_the_loop_does(database: str, pool: Pool) -> None:
    chance = random.Random(19)
    by_region = {region: list(samples(chance)) for region in REGIONS}
    for region, its in by_region.items():
        before = [(at, value) for at, value in its if at < SINCE]
        add_samples(database, "orders_value", before, region=region)
    rules = [some_rule(chance) for _ in range(NUMBER)]
    rows = {}
    now = SINCE + HOUR
    async with dedicated_connection(database) as conn:
        memory = Memory()
        while now <= UNTIL:
            for region, its in by_region.items():
                new = [(at, value) for at, value in its if now - HOUR <= at < now]
                add_samples(database, "orders_value", new, region=region)
            for number, rule in enumerate(rules):
                if number not in rows and now >= first_look(rule):
                    rows[number] = await create_rule(pool, SCOPE, rule, author(now))
            outcome = await tick(conn, memory, now, UTC_ZONE, CONTEXT)
            assert outcome.errors == {}
            now += HOUR

    days = (UNTIL - SINCE).days
    opened = 0
    for number, rule in enumerate(rules):
        tested = await backtest(pool, SCOPE, rule, days, UNTIL, UTC_ZONE)
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
    assert opened > NUMBER
