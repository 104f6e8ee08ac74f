"""Backtests of rules before they are saved, many at once."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.backtest import Backtests, backtest
from service.rules.models import RuleToTest
from service.runtime.lifespan import BACKTESTS_AT_ONCE
from sql.database import Pool
from sql.scope import Scope

pytestmark = pytest.mark.anyio

RULE = RuleToTest.model_validate(
    {"metric_name": "load", "condition": ">", "threshold_value": 1, "severity": "low"}
)


async def test_a_process_tests_few_rules_at_once_and_in_the_end_all(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = most = 0

    async def watched(*args: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            await asyncio.sleep(0.02)
            return await backtest(*args)
        finally:
            under_way -= 1

    monkeypatch.setattr("alerts.backtest.backtest", watched)
    backtests = Backtests(pool, ZoneInfo("UTC"), BACKTESTS_AT_ONCE)
    now = datetime.now(UTC)
    results = await asyncio.gather(*(backtests.run(Scope(), RULE, 30, now) for _ in range(8)))
    assert (most, [one.episodes for one in results]) == (BACKTESTS_AT_ONCE, [[]] * 8)
