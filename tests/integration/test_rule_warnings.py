"""Rules that can never fire or be heard of are allowed, and warned of."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from alerts.registry import catalogue
from alerts.warnings import Reachable, warnings_of
from sql.database import Pool, create_pool
from tests.alert_loop import NOON, SCOPE, add_samples, execute, rule_of

pytestmark = pytest.mark.anyio

EVERYBODY = Reachable({"email", "slack", "webhook", "sms"}, {"email", "webhook"})


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with create_pool(database, size=2) as opened:
        yield opened


WARNINGS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("sales", {}, []),
    ("sales", {"region": "SP", "filters": {"payment_method": "pix"}}, []),
    ("sales", {"region": "(none)"}, ["No sample of sales with region (none) was seen yet"]),
    ("sales", {"region": "sp"}, ["No sample of sales with region sp was seen yet"]),
    ("sales", {"service_name": "shop"}, ["No sample of sales with service_name shop was seen yet"]),
    ("sales", {"filters": {"payment_method": "boleto"}},
     ["No sample of sales with payment_method boleto was seen yet"]),
    ("sales", {"unit": "USD"}, ["Samples of sales in BRL are left out"]),
    ("sale", {}, ["No sample of sale was seen yet: is it sales?"]),
    ("zzzzzzzz", {}, ["No sample of zzzzzzzz was seen yet"]),
    ("sales", {"notification_channels": []}, ["No channel is named: nobody is notified"]),
    ("sales", {"notification_channels": ["sms"]},
     ["sms has neither recipient nor default: nobody is notified through it"]),
    ("sales", {"notification_channels": ["sms"], "notification_recipients": ["+5511912345678"]},
     []),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "fields", "expected"), WARNINGS)
async def test_what_can_never_fire_or_be_heard_of(
    database: str, pool: Pool, metric: str, fields: dict[str, Any], expected: list[str]
) -> None:
    add_samples(database, "sales", [(NOON, 1)], region="SP", unit="BRL")
    add_samples(database, "sales", [(NOON, 1)], region="SP", unit="USD")
    execute(
        database,
        """UPDATE fature.series SET dimensions = '{"payment_method": "pix"}'""",
    )
    execute(database, "UPDATE fature.metric SET unit = 'BRL' WHERE metric_name = 'sales'")
    rule = rule_of(metric, **fields)
    entry = (await catalogue(pool, "default", [metric])).get(metric)
    found = [str(one) for one in await warnings_of(pool, SCOPE, rule, entry, EVERYBODY)]
    usual = ["Samples of sales in USD are left out"]
    if metric == "sales" and "unit" not in fields:
        expected = [*(one for one in expected if "seen" in one), *usual,
                    *(one for one in expected if "seen" not in one)]  # fmt: skip
    assert found == expected


async def test_a_channel_that_is_not_set_up(database: str, pool: Pool) -> None:
    rule = rule_of("sales", notification_channels=["email"], notification_recipients=["a@b.c"])
    found = await warnings_of(pool, SCOPE, rule, None, Reachable((), ()))
    assert str(found[-1]) == "email is not set up: nobody is notified through it"
