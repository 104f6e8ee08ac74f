"""The rules of a new installation: a shop may sleep at night, and services have to be healthy."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.backtest import backtest
from alerts.loop import tick
from alerts.memory import Memory
from alerts.registry import create_rule, list_rules
from alerts.rule_rows import from_row
from sql.database import Pool, create_pool, dedicated_connection
from sql.migrator import migrate, rollback
from tests.alert_loop import (
    CONTEXT,
    NOON,
    SCOPE,
    UTC_ZONE,
    add_samples,
    author,
    events_of,
    execute,
    minutes,
    pause_refreshes,
    rule_of,
)

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNTIL = NOON.replace(hour=0)
HEALTH = "A service is not healthy"
BY_DAY = {"from": "08:00", "to": "23:00"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pause_refreshes(database)
    async with create_pool(database, size=4) as opened:
        yield opened


def rules_of(url: str) -> dict[str, dict[str, Any]]:
    return {row["rule_name"]: row for row in execute(url, "SELECT * FROM fature.alert_rule")}


def revenue(outage: datetime) -> Iterator[tuple[datetime, float]]:
    """Some 5,000 an hour by day and 200 by night, over 31 days; nothing for two hours."""
    chance = random.Random(7)
    at = UNTIL - 31 * DAY
    while at < UNTIL:
        usual = 5000.0 if 8 <= at.hour < 22 else 200.0
        is_out = outage <= at < outage + 2 * HOUR
        yield at, 0.0 if is_out else round(usual * chance.lognormvariate(0, 0.1), 2)
        at += HOUR


@pytest.mark.parametrize("hour", [8, 14, 20])
async def test_a_shop_sleeps_at_night_and_its_outages_by_day_are_told(
    database: str, pool: Pool, hour: int
) -> None:
    outage = UNTIL - 3 * DAY + hour * HOUR
    add_samples(database, "revenue_hourly", revenue(outage), unit="BRL")
    rows = [row for row in await list_rules(pool, SCOPE) if row["metric_name"] == "revenue_hourly"]
    opened = []
    for row in rows:
        tested = await backtest(pool, SCOPE, from_row(row), 30, UNTIL, UTC_ZONE)
        opened += [one.opened_at for one in tested.episodes]
    # Within one window of its beginning, and only then.
    assert opened == [outage + HOUR]


def test_a_new_installation_has_rules_for_shops_that_sleep_and_services(database: str) -> None:
    rules = rules_of(database)
    assert len(rules) == 6
    assert rules["Hourly revenue is low"]["schedule"] == BY_DAY
    assert rules["API response time is high"]["schedule"] is None
    assert rules[HEALTH]["group_by"] == ["service_name"]
    for row in rules.values():
        from_row(row)


def before(url: str) -> None:
    """Back to before an installation came with these rules."""
    while not str(rollback(url)).endswith("_sensible_rules"):
        pass


def test_the_way_back_leads_to_the_rules_of_before(database: str) -> None:
    before(database)
    rules = rules_of(database)
    assert [row["schedule"] for row in rules.values()] == [None] * 5
    migrate(database, engine="auto", timezone="UTC")
    assert rules_of(database)[HEALTH]["is_active"]


@pytest.mark.parametrize(
    "use",
    [
        "UPDATE fature.alert_rule SET last_evaluated_at = now()",
        "UPDATE fature.alert_rule SET version = 2 WHERE metric_name = 'active_users'",
        "INSERT INTO fature.alert_rule (rule_name, metric_name, condition, threshold_value, "
        "severity) VALUES ('mine', 'orders', '<', 1, 'low')",
        "INSERT INTO fature.series (metric_name, metric_type, frequency)"
        " VALUES ('revenue_hourly', 'revenue', 'hourly')",
    ],
)
def test_an_installation_in_use_keeps_its_rules(database: str, use: str) -> None:
    before(database)
    execute(database, use)
    rules = rules_of(database)
    migrate(database, engine="auto", timezone="UTC")
    after = rules_of(database)
    assert after.keys() == rules.keys()
    assert {row["schedule"] and "by day" for row in after.values()} == {None}


def report(url: str, service: str, value: float, at: datetime) -> None:
    """A sample as a health report makes one."""
    execute(
        url,
        """
        INSERT INTO fature.metric (metric_name, metric_type, kind, default_aggregation, frequency)
        VALUES ('service_health', 'performance', 'stock', 'last', 'real_time')
        ON CONFLICT DO NOTHING
        """,
    )
    execute(
        url,
        """
        INSERT INTO fature.series (metric_name, metric_type, frequency, service_name)
        VALUES ('service_health', 'performance', 'real_time', %s) ON CONFLICT DO NOTHING
        """,
        service,
    )
    execute(
        url,
        """
        INSERT INTO fature.sample_real_time (ts, id, series_id, value)
        SELECT %s, nextval('fature.sample_id'), series_id, %s FROM fature.series
        WHERE metric_name = 'service_health' AND service_name = %s
        """,
        at, value, service,
    )  # fmt: skip


async def test_a_service_that_is_unhealthy_or_silent_is_told_of_by_its_name(
    database: str, pool: Pool
) -> None:
    grouped = rules_of(database)[HEALTH]["rule_id"]
    smallest = rule_of("service_health", condition="<", threshold_value=0.5)
    ungrouped = await create_rule(pool, SCOPE, smallest, author(NOON))
    async with dedicated_connection(database) as conn:
        memory = Memory()
        for number in range(12):
            now = NOON + minutes(number)
            # One is unhealthy for a while; the other is silent after a degraded minute.
            report(database, "payment", 0.0 if 2 <= number < 4 else 1.0, now)
            if number < 3:
                report(database, "search", 0.5 if number else 1.0, now)
            assert (await tick(conn, memory, now, UTC_ZONE, CONTEXT)).errors == {}
    found = [
        (one["group_labels"]["service_name"], one["opened_at"], one["resolved_at"], one["value"])
        for one in events_of(database, grouped)
    ]
    assert found == [
        ("payment", NOON + minutes(2), NOON + minutes(4), 0.0),
        ("search", NOON + minutes(8), None, 0.0),
    ]
    alike = events_of(database, ungrouped["rule_id"])
    assert [one["group_labels"]["service_name"] for one in alike] == ["payment", "search"]
