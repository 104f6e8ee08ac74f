"""Impacts that cannot be computed at present: they are tried again, and keep no others."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.impact import Impact
from alerts.registry import create_rule
from service.metrics.expected.impacts import Impacts
from sql.database import Pool, create_pool
from sql.errors import Busy
from sql.messages import Message
from tests.alert_loop import (
    NOON,
    SCOPE,
    UTC_ZONE,
    add_samples,
    author,
    events_of,
    execute,
    leader,
    minutes,
    pause_refreshes,
    rule_of,
)

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine]

HOUR = timedelta(hours=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Without the default rules."""
    execute(database, "DELETE FROM fature.alert_rule")
    pause_refreshes(database)
    async with create_pool(database, size=4) as opened:
        yield opened


class _BusyWithOne(Impacts):
    """Another query takes all the time of one event's."""

    def __init__(self, pool: Pool, busy_with: int) -> None:
        self._pool, self._zone, self._lock = pool, UTC_ZONE, asyncio.Lock()
        self._busy_with = busy_with

    async def _impact(self, event: dict[str, Any], now: datetime) -> Impact | None:
        if event["event_id"] == self._busy_with:
            raise Busy(Message("Too many large queries at once; try again"))
        return Impact(
            difference=-1, expected=2, unit=None, since=NOON, until=NOON + HOUR, adds_up=True
        )


async def test_an_impact_that_cannot_be_computed_now_stays_and_keeps_no_others(
    database: str, pool: Pool
) -> None:
    rule = rule_of("sales", condition="<", window="hour", group_by=["region"])
    await create_rule(pool, SCOPE, rule, author(NOON))
    for region in ("SP", "RJ"):
        add_samples(database, "sales", [(NOON, 5)], region=region)
    async with leader(database) as leading:
        await leading.tick(NOON + HOUR + minutes(2))
    first, last = (event["event_id"] for event in events_of(database))
    # They are about the last weeks.
    execute(database, "UPDATE fature.alert_event SET opened_at = now(), impact = NULL")
    execute(database, "UPDATE fature.alert_event SET impact = 7 WHERE event_id = %s", last)
    await _BusyWithOne(pool, last).work()
    known = {event["event_id"]: event["impact"] for event in events_of(database)}
    assert known == {first: -1, last: 7}
    waiting = "SELECT event_id FROM fature.alert_event WHERE impact_at IS NULL"
    assert [row["event_id"] for row in execute(database, waiting)] == [last]
