"""Suggested rules: each type that fits, within its budget of alerts."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.backtest import Backtests, backtest
from alerts.rules import Rule
from alerts.suggestions import Wanted, suggestions
from sql.database import Pool, create_pool
from sql.errors import Invalid
from tests.alert_loop import NOON, SCOPE, UTC_ZONE, add_samples, execute, pause_refreshes

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNTIL = NOON.replace(hour=0)
REVENUE = Wanted("revenue_hourly", "hourly", {}, "below", 2.0)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pause_refreshes(database)
    async with create_pool(database, size=4) as opened:
        yield opened


def revenue() -> Iterator[tuple[datetime, float]]:
    """Some 3,000 an hour by day and 1,000 by night, over ten weeks, with a bad day."""
    chance = random.Random(3)
    at = UNTIL - 70 * DAY
    while at < UNTIL:
        usual = 3000.0 if 8 <= at.hour < 22 else 1000.0
        factor = 0.3 if UNTIL - 5 * DAY <= at < UNTIL - 4 * DAY else 1.0
        yield at, round(usual * factor * chance.lognormvariate(0, 0.1), 2)
        at += HOUR


async def test_rules_of_each_type_that_fits_keep_to_their_budget(database: str, pool: Pool) -> None:
    add_samples(database, "revenue_hourly", revenue(), unit="BRL")
    found = await suggestions(Backtests(pool, UTC_ZONE, 1), SCOPE, REVENUE, UNTIL)
    rules = {one.rule.type: one.rule for one in found}
    assert list(rules) == ["threshold", "change", "anomaly", "forecast"]
    assert all(len(one.backtest.episodes) <= 2 for one in found)
    # The bad day is told of.
    assert next(one.rule.type for one in found if one.backtest.episodes) == "threshold"
    threshold = rules["threshold"].threshold_value
    assert threshold is not None
    assert 200 <= threshold <= 1000
    assert threshold % 10 == 0
    assert (rules["anomaly"].direction, rules["anomaly"].alerts_per_month) == ("below", 2.0)
    # As it may be saved it does the same.
    for one in found:
        saved = Rule.model_validate(one.rule.model_dump(by_alias=True, exclude_defaults=True))
        tested = await backtest(pool, SCOPE, saved, 30, UNTIL, UTC_ZONE)
        assert [e.opened_at for e in tested.episodes] == [
            e.opened_at for e in one.backtest.episodes
        ]


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ([], []),
        # There is no less than nothing, and of one value nothing is known.
        ([(UNTIL - HOUR, 5.0)], []),
    ],
)
async def test_where_too_little_is_known_nothing_is_suggested(
    database: str, pool: Pool, values: list[tuple[datetime, float]], types: list[str]
) -> None:
    add_samples(database, "revenue_hourly", values)
    found = await suggestions(Backtests(pool, UTC_ZONE, 1), SCOPE, REVENUE, UNTIL)
    assert [one.rule.type for one in found] == types


async def test_of_more_groups_than_are_judged_in_seconds_that_is_said(
    database: str, pool: Pool
) -> None:
    add_samples(database, "revenue_hourly", [(UNTIL - HOUR, 5.0)])
    execute(
        database,
        """
        INSERT INTO fature.series (metric_name, metric_type, frequency, region)
        SELECT 'revenue_hourly', 'revenue', 'hourly', 'r' || n FROM generate_series(1, 99) AS n
        """,
    )
    wanted = REVENUE._replace(selection={"group_by": ["region"]})
    with pytest.raises(Invalid, match=r"30 days of 100 groups .* use fewer"):
        await suggestions(Backtests(pool, UTC_ZONE, 1), SCOPE, wanted, UNTIL)


async def test_what_does_not_fit_the_catalogue_is_said(database: str, pool: Pool) -> None:
    selection: dict[str, Any] = {"filters": {"shoe_size": "44"}}
    with pytest.raises(Invalid, match="shoe_size"):
        await suggestions(
            Backtests(pool, UTC_ZONE, 1), SCOPE, REVENUE._replace(selection=selection), UNTIL
        )
