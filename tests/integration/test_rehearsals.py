"""Rules that are tried before they are saved, many at once."""

import asyncio
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request

from alerts.backtest import backtest
from service.access.caller import Principal
from service.rules.api import rehearse
from service.rules.models import RuleTest
from service.runtime.resources import REHEARSALS_AT_ONCE
from sql.database import Pool
from sql.scope import Scope

pytestmark = pytest.mark.anyio

RULE = RuleTest.model_validate(
    {"metric_name": "load", "condition": ">", "threshold_value": 1, "severity": "low"}
)


async def test_a_process_tries_few_rules_at_once_and_in_the_end_all(
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

    monkeypatch.setattr("service.rules.api.backtest", watched)
    resources = SimpleNamespace(
        read_pool=pool,
        rehearsals=asyncio.Semaphore(REHEARSALS_AT_ONCE),
        settings=SimpleNamespace(zone=ZoneInfo("UTC")),
    )
    principal = Principal("key:1", "reader", Scope())
    state = {"resources": resources}
    request = Request({"type": "http", "state": state, "principal": principal})
    tried = await asyncio.gather(*(rehearse(request, RULE) for _ in range(8)))
    assert (most, [one.episodes for one in tried]) == (REHEARSALS_AT_ONCE, [[]] * 8)
