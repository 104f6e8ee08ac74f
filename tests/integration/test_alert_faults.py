"""Faults that the alert loop had: each with the scenario it was seen in."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from alerts.backtest import backtest
from alerts.events import acknowledge, deliveries, resolve
from alerts.registry import create_rule, replace_rule
from alerts.silences import add_silence
from sql.database import Pool, create_pool
from sql.engine import Engine
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
    outbox,
    rule_of,
)

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Without the default rules, so that only a test's own are judged."""
    execute(database, "DELETE FROM fature.alert_rule")
    async with create_pool(database, size=4) as opened:
        yield opened


def notified(url: str) -> list[tuple[str, str, str]]:
    """Messages and their recipients, in the order of their making."""
    rows = execute(
        url,
        """
        SELECT message ->> 'transition' AS transition, channel, recipient
        FROM fature.alert_notification ORDER BY created_at, transition_id, recipient
        """,
    )
    return [(row["transition"], row["channel"], row["recipient"]) for row in rows]


def refresh_hours(url: str) -> None:
    """Materialise the day before noon."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "CALL refresh_continuous_aggregate('fature.rollup_hourly_hour', %s, %s)",
            [NOON - 24 * HOUR, NOON],
        )


def loads(url: str, value: float, at: datetime = NOON, **labels: str) -> None:
    """A mean of the last five minutes."""
    add_samples(url, "load", [(at, value)], kind="ratio", frequency="real_time", **labels)


async def test_an_odd_unit_does_not_blank_a_metric(database: str, pool: Pool) -> None:
    add_samples(database, "sales", [(NOON - HOUR, 900)], unit="BRL")
    execute(database, "UPDATE fature.metric SET unit = 'BRL' WHERE metric_name = 'sales'")
    for unit in ("USD", "brl"):
        add_samples(database, "sales", [(NOON - HOUR, 5)], unit=unit)
    add_samples(database, "sales", [(NOON - HOUR, 7)])
    rule = await create_rule(pool, SCOPE, rule_of("sales"), author(NOON))
    dollars = await create_rule(
        pool, SCOPE, rule_of("sales", unit="USD", threshold_value=1), author(NOON)
    )
    async with leader(database) as leading:
        outcome = await leading.tick(NOON + minutes(1))
    found = {one["rule_id"]: (one["value"], one["unit"]) for one in events_of(database)}
    assert found == {rule["rule_id"]: (900, "BRL"), dollars["rule_id"]: (5, "USD")}
    assert outcome.errors == {}


async def test_the_trouble_of_one_group_stays_with_it(database: str, pool: Pool) -> None:
    rule = await create_rule(pool, SCOPE, rule_of("load", group_by=["region"]), author(NOON))
    for region, unit in (("SP", "ms"), ("RJ", "ms"), ("RJ", "s")):
        loads(database, 250, region=region, unit=unit)
    async with leader(database) as leading:
        outcome = await leading.tick(NOON)
    (event,) = events_of(database)
    assert event["group_labels"] == {"region": "SP"}
    assert str(outcome.errors[rule["rule_id"]]).startswith("region RJ: load has several units")


async def test_what_cannot_be_judged_for_a_quarter_of_an_hour_is_said_once(
    database: str, pool: Pool
) -> None:
    rule = rule_of("load", notification_channels=["email"])
    row = await create_rule(pool, SCOPE, rule, author(NOON))
    for unit in ("ms", "s"):
        loads(database, 50, unit=unit)
    for minute in (0, 14):
        # Another leader knows since when.
        async with leader(database) as leading:
            await leading.tick(NOON + minutes(minute))
    assert notified(database) == []
    async with leader(database) as leading:
        for minute in (15, 16, 40):
            await leading.tick(NOON + minutes(minute))
        assert notified(database) == [("failing", "email", "")]
        one_unit = rule.model_copy(update={"unit": "ms"})
        await replace_rule(pool, SCOPE, row["rule_id"], one_unit, author(NOON + minutes(41)))
        for minute in (42, 43):
            await leading.tick(NOON + minutes(minute))
    assert [one[0] for one in notified(database)] == ["failing", "judged"]


async def test_who_was_notified_of_the_beginning_is_notified_of_the_end(
    database: str, pool: Pool
) -> None:
    """Under a silence, resolved by hand, after the recipients were edited."""
    fields = {"notification_channels": ["email"], "notification_recipients": ["ana@b.example"]}
    rule = rule_of("load", **fields)
    row = await create_rule(pool, SCOPE, rule, author(NOON))
    loads(database, 250)
    async with leader(database) as leading:
        await leading.tick(NOON)
    others = rule.model_copy(update={"notification_recipients": ["bo@b.example"]})
    await replace_rule(pool, SCOPE, row["rule_id"], others, author(NOON + minutes(1)))
    silence = dict.fromkeys(("rule_id", "severity", "service_name")) | {"metric_name": "load"}
    period = {"starts_at": NOON + minutes(1), "ends_at": NOON + HOUR, "comment": ""}
    await add_silence(pool, SCOPE, {**silence, **period}, author(NOON + minutes(1)))
    (event,) = events_of(database)
    await resolve(pool, SCOPE, event["event_id"], None, author(NOON + minutes(2)))
    ana = ("email", "ana@b.example")
    assert notified(database) == [("opened", *ana), ("resolved", *ana)]


async def test_what_waits_for_a_refresh_is_no_silence(
    database: str, pool: Pool, engine: Engine
) -> None:
    """A batch for a new group, of hours that were materialised before it came."""
    rule = rule_of("sales", condition="<", group_by=["region"])
    await create_rule(pool, SCOPE, rule, author(NOON))
    hours = [NOON - n * HOUR for n in (1, 2, 3)]
    add_samples(database, "sales", [(at, 900) for at in hours], region="SP")
    if engine == "timescale":
        refresh_hours(database)
    add_samples(database, "sales", [(at, 500) for at in hours], region="RJ")
    add_samples(database, "sales", [(hours[0], 40)], region="MG")
    if engine == "timescale":
        refresh_hours(database)
    add_samples(database, "sales", [(hours[0], 80)], region="MG")
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(20))
        assert events_of(database) == []
        if engine == "timescale":
            refresh_hours(database)
        await leading.tick(NOON + minutes(21))
    assert events_of(database) == []


async def test_a_group_that_is_new_below_the_watermark_is_not_zero(
    database: str, pool: Pool, engine: Engine
) -> None:
    await create_rule(
        pool, SCOPE, rule_of("sales", condition="<", group_by=["region"]), author(NOON)
    )
    hours = [NOON - n * HOUR for n in (1, 2, 3)]
    add_samples(database, "sales", [(at, 900) for at in hours], region="SP")
    if engine == "timescale":
        refresh_hours(database)
    add_samples(database, "sales", [(at, 500) for at in hours], region="RJ")
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(20))
        assert events_of(database) == []
        # What is really silent there is.
        await leading.tick(NOON + minutes(61))
    groups = sorted(one["group_labels"]["region"] for one in events_of(database))
    assert groups == ["RJ", "SP"]


async def test_a_period_is_judged_once_it_has_settled(database: str, pool: Pool) -> None:
    """Totals stamped with the hour's start that arrive three minutes after its end."""
    low = rule_of("sales", condition="<", settle="10m", notification_channels=["email"])
    high = rule_of("sales", threshold_value=800, settle="10m", notification_channels=[])
    for rule in (low, high):
        await create_rule(pool, SCOPE, rule, author(NOON))
    add_samples(database, "sales", [(NOON - 3 * HOUR, 500)])
    async with leader(database) as leading:
        for hour, value in ((-2, 500), (-1, 900)):
            await leading.tick(NOON + (hour + 1) * HOUR + minutes(2))
            add_samples(database, "sales", [(NOON + hour * HOUR, value)])
            await leading.tick(NOON + (hour + 1) * HOUR + minutes(3))
            await leading.tick(NOON + (hour + 1) * HOUR + minutes(10))
        # What is high says so before it has settled.
        (event,) = events_of(database)
        assert (event["value"], event["opened_at"]) == (900, NOON + minutes(3))
        await leading.tick(NOON + HOUR + minutes(9))
        assert len(events_of(database)) == 1
        await leading.tick(NOON + HOUR + minutes(10))
    event = events_of(database)[1]
    assert (event["value"], event["window_start"]) == (0, NOON)
    (reason,) = reasons_of(database, event["event_id"])
    assert reason == "no sample of sales arrived: its sum is 0, below 100"


def reasons_of(url: str, event_id: int) -> list[str]:
    rows = execute(
        url,
        "SELECT reason FROM fature.alert_transition WHERE event_id = %s ORDER BY transition_id",
        event_id,
    )
    return [row["reason"] for row in rows]


async def test_the_rules_that_come_with_the_service_wait_ten_minutes(database: str) -> None:
    rows = execute(database, "SELECT DISTINCT settle_seconds FROM fature.alert_rule")
    assert [row["settle_seconds"] for row in rows] == [600]


async def test_a_sum_that_may_shrink_waits_for_the_end_of_its_period(
    database: str, pool: Pool
) -> None:
    await create_rule(pool, SCOPE, rule_of("sales"), author(NOON))
    add_samples(database, "sales", [(NOON - 50 * HOUR, -1)], region="RJ")
    add_samples(database, "sales", [(NOON - 2 * HOUR, 50), (NOON + minutes(5), 150)])
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(6))
        assert events_of(database) == []
        add_samples(database, "sales", [(NOON + minutes(10), -100)])
        await leading.tick(NOON + minutes(61))
    assert events_of(database) == []


EDITS: list[dict[str, Any]] = [
    {"rule_name": "another"},
    {"description": "another"},
    {"severity": "low"},
    {"notification_channels": ["webhook"]},
    {"notification_recipients": ["ana@b.example"]},
    {"repeat_interval": 7200.0},
    {"digest_over": 2},
]


@pytest.mark.parametrize("edit", EDITS, ids=[next(iter(one)) for one in EDITS])
async def test_an_edit_of_what_does_not_decide_keeps_events_and_notifies_nobody(
    database: str, pool: Pool, edit: dict[str, Any]
) -> None:
    rule = rule_of("load", notification_channels=["email"])
    row = await create_rule(pool, SCOPE, rule, author(NOON))
    loads(database, 250)
    async with leader(database) as leading:
        await leading.tick(NOON)
        (event,) = events_of(database)
        await acknowledge(pool, SCOPE, event["event_id"], "mine", author(NOON))
        changed = rule.model_copy(update=edit)
        await replace_rule(pool, SCOPE, row["rule_id"], changed, author(NOON + minutes(1)))
        await leading.tick(NOON + minutes(1))
        (event,) = events_of(database)
        assert (event["status"], event["comment"]) == ("acknowledged", "mine")
        assert outbox(database) == [("opened", "email")]
        loads(database, 10, NOON + minutes(7))
        await leading.tick(NOON + minutes(7))
    assert outbox(database) == [("opened", "email"), ("resolved", "email")]


async def test_a_storm_is_one_notification(database: str, pool: Pool) -> None:
    rule = rule_of("load", group_by=["region"], notification_channels=["email", "webhook"])
    await create_rule(pool, SCOPE, rule, author(NOON))
    for number in range(12):
        loads(database, 200 + number, region=f"R{number}")
    async with leader(database) as leading:
        await leading.tick(NOON)
        assert notified(database) == [("digest", "email", ""), ("digest", "webhook", "")]
        for number in range(3):
            loads(database, -9000, NOON + minutes(1), region=f"R{number}")
        await leading.tick(NOON + minutes(1))
        resolved = [one for one in notified(database) if one[0] == "resolved"]
        assert len(resolved) == 3 * 2
        for number in range(3, 12):
            loads(database, -9000, NOON + minutes(2), region=f"R{number}")
        await leading.tick(NOON + minutes(2))
    assert [one[0] for one in notified(database)].count("digest") == 4
    (message,) = execute(
        database,
        """
        SELECT message FROM fature.alert_notification WHERE channel = 'email'
        ORDER BY transition_id LIMIT 1
        """,
    )
    its = message["message"]
    assert its["counts"] == {"opened": 12}
    assert [one["value"] for one in its["lines"]] == [float(211 - n) for n in range(10)]
    assert its["link"].startswith("http://fature.example/alerts?rule_id=")
    for event in events_of(database):
        steps = [one["transition"] for one in await deliveries(pool, event["event_id"])]
        assert "digest" in steps


async def test_a_group_that_is_no_more_is_not_judged(database: str, pool: Pool) -> None:
    rule = rule_of("sales", condition="<", group_by=["region"], retire_after="30d")
    row = await create_rule(pool, SCOPE, rule, author(NOON))
    add_samples(database, "sales", [(NOON - timedelta(days=60), 500)], region="RJ")
    add_samples(database, "sales", [(NOON - timedelta(days=20), 500)], region="SP")
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(1))
        (event,) = events_of(database)
        assert event["group_labels"] == {"region": "SP"}
        # Open until its time is over, too.
        later = NOON + timedelta(days=11)
        await leading.tick(later)
    (event,) = events_of(database, row["rule_id"])
    assert (event["status"], event["resolved_at"]) == ("resolved", later)
    assert reasons_of(database, event["event_id"])[-1] == (
        "There were no samples for 30d: it is not judged any more"
    )
    assert [one[0] for one in notified(database)].count("resolved") == 2


async def test_filters_select_dimensions_and_what_has_none(database: str, pool: Pool) -> None:
    loads(database, 250)
    loads(database, 900, region="SP")
    none = rule_of("load", region="(none)", notification_channels=[])
    await create_rule(pool, SCOPE, none, author(NOON))
    async with leader(database) as leading:
        await leading.tick(NOON)
    (event,) = events_of(database)
    assert event["value"] == 250


async def test_a_level_whose_label_was_renamed_counts_once(database: str, pool: Pool) -> None:
    stock = {"kind": "stock", "frequency": "daily"}
    days = [NOON.replace(hour=0) - timedelta(days=n) for n in range(1, 10)]
    # Last week began on Monday, 2 March.
    add_samples(database, "users", [(at, 100) for at in days if at.day > 5], region="SP", **stock)
    add_samples(database, "users", [(at, 100) for at in days if at.day <= 5], region="S", **stock)
    for group_by in ([], ["region"]):
        rule = rule_of("users", window="week", threshold_value=1, group_by=group_by)
        await create_rule(pool, SCOPE, rule, author(NOON))
    async with leader(database) as leading:
        await leading.tick(NOON)
    found = [(one["group_labels"], one["value"]) for one in events_of(database)]
    assert ({}, 100) in found
    assert ({"region": "S"}, 100) in found


@pytest.mark.parametrize(
    ("window", "frequency", "step"),
    [("week", "daily", 24), ("month", "daily", 24), ("day", "hourly", 6), ("7d", "hourly", 1)],
)
async def test_a_renamed_level_counted_once_in_the_past(
    database: str, pool: Pool, window: str, frequency: str, step: int
) -> None:
    stock = {"kind": "stock", "frequency": frequency}
    renamed = NOON.replace(day=5, hour=6 if window == "day" else 0)
    times = [NOON.replace(hour=0) - n * step * HOUR for n in range(40 * 24 // step)]
    after = [(at, 100.0) for at in times if at >= renamed]
    before = [(at, 100.0) for at in times if at < renamed - 3 * HOUR]
    add_samples(database, "users", after, region="SP", **stock)
    add_samples(database, "users", before, region="S", **stock)

    async def opened(threshold: float) -> list[float | None]:
        rule = rule_of("users", window=window, threshold_value=threshold)
        found = await backtest(pool, SCOPE, rule, 14, NOON, UTC_ZONE)
        return [one.peak_value for one in found.episodes]

    assert await opened(1) == [100]
    assert await opened(150) == []


async def test_levels_that_go_on_beside_each_other_are_added_up_in_the_past(
    database: str, pool: Pool
) -> None:
    times = [NOON.replace(hour=0) - n * HOUR for n in range(20 * 24)]
    for region in ("SP", "RJ"):
        add_samples(database, "users", [(at, 100) for at in times], region=region, kind="stock")
    rule = rule_of("users", window="day", threshold_value=150)
    found = await backtest(pool, SCOPE, rule, 7, NOON, UTC_ZONE)
    assert [one.peak_value for one in found.episodes] == [200]
