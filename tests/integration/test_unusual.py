"""Rules of what is unusual: a shop that sleeps at night."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

import pytest

from alerts.backtest import backtest
from alerts.loop import tick
from alerts.memory import Memory
from alerts.registry import create_rule
from alerts.rules import Rule
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
# Revenue stands still from 14:00 to 16:00 of the day before the last.
OUTAGE = UNTIL - DAY - 10 * HOUR
LIVED = 3


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


def revenue() -> Iterator[tuple[datetime, float]]:
    """Some 5,000 an hour by day and 200 by night, less at weekends, over ten weeks."""
    chance = random.Random(7)
    at = UNTIL - 70 * DAY
    while at < UNTIL:
        usual = 5000.0 if 8 <= at.hour < 22 else 200.0
        usual *= 0.7 if at.weekday() >= 5 else 1.0
        is_out = OUTAGE <= at < OUTAGE + 2 * HOUR
        yield at, 0.0 if is_out else round(usual * chance.lognormvariate(0, 0.08), 2)
        at += HOUR


def unusual(**fields: object) -> Rule:
    given = {"type": "anomaly", "condition": None, "threshold_value": None, "settle": 0, **fields}
    return rule_of("revenue_hourly", **given)


async def test_a_shop_that_sleeps_at_night_alerts_of_a_real_outage_alone(
    database: str, pool: Pool
) -> None:
    samples, since = list(revenue()), UNTIL - LIVED * DAY
    add_samples(database, "revenue_hourly", [one for one in samples if one[0] < since])
    budgeted = unusual(direction="below", alerts_per_month=1)
    sensitive = unusual(direction="below", sensitivity="low")
    rules = [budgeted, sensitive]
    rows = [await create_rule(pool, SCOPE, rule, author(NOON)) for rule in rules]
    async with dedicated_connection(database) as conn:
        memory, now = Memory(), since
        while now < UNTIL:
            add_samples(database, "revenue_hourly", [one for one in samples if one[0] == now])
            now += HOUR
            assert (await tick(conn, memory, now, UTC_ZONE, CONTEXT)).errors == {}
    for row in rows:
        (event,) = events_of(database, row["rule_id"])
        # Within one window of its beginning.
        assert (event["window_start"], event["opened_at"]) == (OUTAGE, OUTAGE + HOUR)
        assert (event["resolved_at"], event["condition"]) == (OUTAGE + 3 * HOUR, "<")
        assert 0 < event["threshold_value"] < event["compared"]["expected"]

    tested = await backtest(pool, SCOPE, budgeted, 30, UNTIL, UTC_ZONE)
    assert [one.opened_at for one in tested.episodes] == [OUTAGE + HOUR]
    # Who looks back sees the same band as who was there, to the last digits.
    alike = await backtest(pool, SCOPE, sensitive, LIVED, UNTIL, UTC_ZONE)
    (episode,) = alike.episodes
    assert (episode.opened_at, episode.resolved_at) == (OUTAGE + HOUR, OUTAGE + 3 * HOUR)
    assert episode.compared is not None
    assert episode.compared.lower == pytest.approx(event["compared"]["lower"], rel=1e-9)

    fixed = rule_of("revenue_hourly", condition="<", threshold_value=1500, settle=0)
    nightly = await backtest(pool, SCOPE, fixed, 30, UNTIL, UTC_ZONE)
    assert len(nightly.episodes) >= 30


async def test_a_budget_of_alerts_would_have_been_kept(database: str, pool: Pool) -> None:
    add_samples(database, "revenue_hourly", revenue())
    numbers = []
    for budget in (1, 20):
        rule = unusual(alerts_per_month=budget)
        tested = await backtest(pool, SCOPE, rule, 30, UNTIL, UTC_ZONE)
        assert len(tested.episodes) <= budget
        numbers.append(len(tested.episodes))
        assert OUTAGE + HOUR in [one.opened_at for one in tested.episodes]
    assert numbers[0] < numbers[1]


async def test_no_data_opens_an_event_where_the_rule_says_so(database: str, pool: Pool) -> None:
    add_samples(database, "revenue_hourly", [(UNTIL - 3 * HOUR, 5.0)])
    rule = unusual(no_data="alert", min_samples=1)
    await create_rule(pool, SCOPE, rule, author(NOON))
    async with dedicated_connection(database) as conn:
        assert (await tick(conn, Memory(), UNTIL, UTC_ZONE, CONTEXT)).errors == {}
    (event,) = events_of(database)
    assert (event["value"], event["compared"], event["condition"]) == (None, None, "")


async def test_a_rule_of_which_nothing_can_be_learnt_keeps_no_other_from_being_judged(
    database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("singular")

    monkeypatch.setattr("alerts.profiles.profile_of", broken)
    add_samples(database, "revenue_hourly", [(UNTIL - 2 * HOUR, 5.0), (UNTIL - HOUR, 5.0)])
    await create_rule(pool, SCOPE, unusual(), author(NOON))
    low = rule_of("revenue_hourly", condition="<", threshold_value=10, settle=0)
    row = await create_rule(pool, SCOPE, low, author(NOON))
    async with dedicated_connection(database) as conn:
        await tick(conn, Memory(), UNTIL, UTC_ZONE, CONTEXT)
    assert [one["rule_id"] for one in events_of(database)] == [row["rule_id"]]
