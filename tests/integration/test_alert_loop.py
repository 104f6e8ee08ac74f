"""The alert loop against a database, with a clock of the test's own."""

import asyncio
import csv
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.backtest import backtest
from alerts.events import acknowledge, resolve
from alerts.loop import lead, run_alerts
from alerts.registry import create_rule, remove_rule, replace_rule
from alerts.silences import add_silence
from sql.database import Pool, create_pool, dedicated_connection
from sql.scope import Scope
from tests.alert_loop import (
    CONTEXT,
    NOON,
    SCOPE,
    SETTLING,
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
from tests.conftest import ROOT

ORDERS = ROOT.parent / "shared" / "data" / "orders" / "orders.csv"

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Without the default rules, so that only a test's own are judged."""
    execute(database, "DELETE FROM fature.alert_rule")
    async with create_pool(database, size=4) as opened:
        yield opened


async def test_a_value_past_the_threshold_opens_tells_once_and_resolves(
    database: str, pool: Pool
) -> None:
    rule = await create_rule(pool, SCOPE, rule_of("load"), author(NOON))
    add_samples(database, "load", [(NOON, 250)], kind="ratio", frequency="real_time")
    async with leader(database) as leading:
        for second in (10, 25, 40):
            await leading.tick(NOON + timedelta(seconds=second))
        (event,) = events_of(database)
        assert (event["rule_id"], event["status"], event["value"]) == (rule["rule_id"], "open", 250)
        assert outbox(database) == [("opened", "email"), ("opened", "webhook")]
        add_samples(
            database, "load", [(NOON + minutes(7), 50)], kind="ratio", frequency="real_time"
        )
        await leading.tick(NOON + minutes(7.5))
    (event,) = events_of(database)
    assert (event["status"], event["resolved_by"]) == ("resolved", None)
    assert outbox(database)[2:] == [("resolved", "email"), ("resolved", "webhook")]


async def test_what_is_submitted_more_rarely_than_the_catalogue_says_is_judged_in_its_own_period(
    database: str, pool: Pool
) -> None:
    """The rule was there first, and the catalogue has active users in real time."""
    rule = rule_of("active_users", condition="<", threshold_value=75)
    await create_rule(pool, SCOPE, rule, author(NOON))
    async with leader(database) as leading:
        await leading.tick(NOON - minutes(1))
        add_samples(database, "active_users", [(NOON - minutes(30), 40)])
        await leading.tick(NOON - timedelta(seconds=30))
        assert events_of(database) == []
        await leading.tick(NOON + minutes(1))
    (event,) = events_of(database)
    assert (event["value"], event["window_start"]) == (40, NOON - minutes(60))


async def test_state_survives_a_restart(database: str, pool: Pool) -> None:
    await create_rule(pool, SCOPE, rule_of("load", **{"for": "2m"}), author(NOON))
    add_samples(
        database,
        "load",
        [(NOON + minutes(n), 250) for n in range(5)],
        kind="ratio",
        frequency="real_time",
    )
    for second in (5, 65, 125, 185):
        async with leader(database) as leading:
            await leading.tick(NOON + timedelta(seconds=second))
    (event,) = events_of(database)
    assert event["opened_at"] == NOON + timedelta(seconds=125)


def orders() -> list[tuple[datetime, float]]:
    """Every payment of the file, its local time taken for UTC."""
    with ORDERS.open() as file:
        return [
            (
                datetime.fromisoformat(row["purchased_at"]).replace(tzinfo=UTC),
                float(row["payment_value_brl"]),
            )
            for row in csv.DictReader(file)
        ]


def hourly_revenue() -> dict[datetime, float]:
    """Revenue of each hour in which there were orders."""
    totals: dict[datetime, float] = defaultdict(float)
    for at, value in orders():
        totals[at.replace(minute=0, second=0)] += value
    return totals


def expected_episodes(
    revenue: Mapping[datetime, float], since: datetime, until: datetime, threshold: float
) -> list[tuple[datetime, datetime | None]]:
    """When revenue of a whole hour fell below the threshold and came back, by the hour in
    which that is known.
    """
    episodes: list[tuple[datetime, datetime | None]] = []
    is_open = False
    known = since
    while known <= until:
        low = round(revenue.get(known - timedelta(hours=1), 0.0), 2) < threshold
        if low and not is_open:
            episodes.append((known, None))
        elif is_open and not low:
            episodes[-1] = (episodes[-1][0], known)
        is_open = low
        known += timedelta(hours=1)
    return episodes


@pytest.mark.skipif(not ORDERS.exists(), reason="the orders are not here")
async def test_replayed_revenue_opens_and_resolves_at_exactly_the_hours(
    database: str, pool: Pool
) -> None:
    revenue = hourly_revenue()
    until = datetime(2018, 3, 15, tzinfo=UTC)
    days = 20
    since = until - timedelta(days=days)
    samples = orders()
    kept = [(ts, v) for ts, v in samples if since - timedelta(days=5) <= ts <= until]
    add_samples(database, "revenue_hourly", kept)
    rule = rule_of("revenue_hourly", condition="<", threshold_value=100)
    # The first step after `since` is an hour later.
    expected = expected_episodes(revenue, since + timedelta(hours=1), until, 100)
    assert len(expected) > 20

    tested = await backtest(pool, SCOPE, rule, days, until, UTC_ZONE)
    assert [(one.opened_at, one.resolved_at) for one in tested.episodes] == expected

    await create_rule(pool, SCOPE, rule, author(NOON))
    async with leader(database) as leading:
        now = since + timedelta(hours=1)
        while now <= until:
            await leading.tick(now + SETTLING)
            now += timedelta(hours=1)
    lived = [(one["opened_at"], one["resolved_at"]) for one in events_of(database)]
    assert lived == [
        (opened + SETTLING, resolved and resolved + SETTLING) for opened, resolved in expected
    ]
    values = [one["value"] for one in events_of(database)]
    assert values == [one.value for one in tested.episodes]


async def test_silence_of_a_flow_is_zero_once_it_has_existed(database: str, pool: Pool) -> None:
    await create_rule(
        pool, SCOPE, rule_of("sales", condition="<", threshold_value=10), author(NOON)
    )
    add_samples(database, "sales", [(NOON + minutes(20), 50)])
    async with leader(database) as leading:
        # The hour before the first sample ever is no hour without sales.
        await leading.tick(NOON + minutes(30))
        assert events_of(database) == []
        await leading.tick(NOON + minutes(65))
        assert events_of(database) == []
        await leading.tick(NOON + minutes(121))
    (event,) = events_of(database)
    assert (event["value"], event["window_start"]) == (0, NOON + minutes(60))


@pytest.mark.parametrize(("policy", "opens"), [("ignore", 0), ("alert", 1), ("resolve", 0)])
async def test_silence_of_a_stock_follows_the_rule(
    database: str, pool: Pool, policy: str, opens: int
) -> None:
    await create_rule(pool, SCOPE, rule_of("users", no_data=policy), author(NOON))
    add_samples(database, "users", [(NOON, 50)], kind="stock", frequency="real_time")
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(30))
    assert len(events_of(database)) == opens


async def test_a_sum_may_fire_before_its_hour_is_over(database: str, pool: Pool) -> None:
    await create_rule(pool, SCOPE, rule_of("paid"), author(NOON))
    add_samples(database, "paid", [(NOON - minutes(50), 10), (NOON + minutes(5), 70)])
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(6))
        assert events_of(database) == []
        add_samples(database, "paid", [(NOON + minutes(7), 70)])
        await leading.tick(NOON + minutes(8))
        (event,) = events_of(database)
        assert (event["opened_at"], event["value"]) == (NOON + minutes(8), 140)
        await leading.tick(NOON + minutes(61))
        await leading.tick(NOON + minutes(120))
        assert events_of(database)[0]["status"] == "open"
        await leading.tick(NOON + minutes(121))
    assert events_of(database)[0]["resolved_at"] == NOON + minutes(121)


async def test_what_is_posted_right_after_its_hour_counts(database: str, pool: Pool) -> None:
    """By who adds up an hour once it is over, and stamps the sum with its start."""
    low = rule_of("sales", condition="<", threshold_value=100)
    high = rule_of("sales", condition=">", threshold_value=500)
    for rule in (low, high):
        await create_rule(pool, SCOPE, rule, author(NOON))
    async with leader(database) as leading:
        for hour, value in enumerate((900, 150, 150, 40)):
            start = NOON + timedelta(hours=hour)
            await leading.tick(start + minutes(60))
            await leading.tick(start + minutes(60.5))
            add_samples(database, "sales", [(start, value)])
            await leading.tick(start + minutes(60.75))
            await leading.tick(start + minutes(61))
    sold_much, sold_little = events_of(database)
    assert (sold_much["value"], sold_much["opened_at"]) == (900, NOON + minutes(60.75))
    assert sold_much["resolved_at"] == NOON + minutes(121)
    assert (sold_little["value"], sold_little["opened_at"]) == (40, NOON + minutes(241))


TRAILING = [
    # Within an hour, a minute, and a minute of the first of several hours: with what is just
    # outside, at the edges, and newest.
    ("hourly", "1h", {61: 100, 60: 1, 55: 10, 40: 20, 0: 6}),
    ("hourly", "90m", {91: 100, 89: 10, 50: 20, 0: 6}),
    ("real_time", "5m", {5.1: 100, 5: 1, 4.9: 10, 4.2: 20, 0: 6}),
    ("real_time", "7h", {422: 100, 419: 10, 370: 20, 0: 6}),
    ("daily", "1d", {1441: 100, 1439: 10, 700: 20, 0: 6}),
]


@pytest.mark.parametrize(("frequency", "window", "samples"), TRAILING)
async def test_a_trailing_window_begins_where_it_says(
    database: str, pool: Pool, frequency: str, window: str, samples: dict[float, float]
) -> None:
    now = NOON + timedelta(minutes=50, seconds=30)
    inside = list(samples.values())[1:]
    expected = {
        "sum": sum(inside),
        "count": len(inside),
        "avg": sum(inside) / len(inside),
        "min": min(inside),
        "max": max(inside),
        "last": inside[-1],
    }
    rules = {}
    for aggregation in expected:
        rule = rule_of("sales", threshold_value=-1, window=window, aggregation=aggregation)
        row = await create_rule(pool, SCOPE, rule, author(NOON))
        rules[row["rule_id"]] = aggregation
    shape = [(now - minutes(age), value) for age, value in samples.items()]
    add_samples(database, "sales", shape, frequency=frequency)
    async with leader(database) as leading:
        await leading.tick(now)
    assert {rules[one["rule_id"]]: one["value"] for one in events_of(database)} == expected


async def test_what_was_resolved_by_hand_stays_quiet_until_it_cleared_once(
    database: str, pool: Pool
) -> None:
    await create_rule(pool, SCOPE, rule_of("load"), author(NOON))
    shape = {"kind": "ratio", "frequency": "real_time"}
    add_samples(database, "load", [(NOON + minutes(n), 250) for n in range(4)], **shape)
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(1))
        (event,) = events_of(database)
        resolved = await resolve(pool, SCOPE, event["event_id"], "known", author(NOON + minutes(2)))
        assert resolved
        await leading.tick(NOON + minutes(3))
        assert len(events_of(database)) == 1
        add_samples(database, "load", [(NOON + minutes(20), 50)], **shape)
        await leading.tick(NOON + minutes(20))
        add_samples(database, "load", [(NOON + minutes(30), 250)], **shape)
        await leading.tick(NOON + minutes(30))
    assert [one["status"] for one in events_of(database)] == ["resolved", "open"]


@pytest.mark.parametrize("how", ["edited", "deactivated", "deleted", "edited in the database"])
async def test_a_rule_that_changes_resolves_its_events(database: str, pool: Pool, how: str) -> None:
    rule = rule_of("load")
    row = await create_rule(pool, SCOPE, rule, author(NOON))
    add_samples(database, "load", [(NOON, 250)], kind="ratio", frequency="real_time")
    later = author(NOON + minutes(1))
    async with leader(database) as leading:
        await leading.tick(NOON)
        match how:
            case "edited":
                changed = rule.model_copy(update={"threshold_value": 1000.0})
                await replace_rule(pool, SCOPE, row["rule_id"], changed, later)
            case "deactivated":
                changed = rule.model_copy(update={"is_active": False})
                await replace_rule(pool, SCOPE, row["rule_id"], changed, later)
            case "deleted":
                await remove_rule(pool, SCOPE, row["rule_id"], later)
            case _:
                execute(
                    database,
                    "UPDATE fature.alert_rule SET version = version + 1, threshold_value = 1000",
                )
        await leading.tick(NOON + minutes(1))
    (event,) = events_of(database)
    assert event["status"] == "resolved"
    (reason,) = execute(
        database, "SELECT reason FROM fature.alert_transition WHERE transition = 'resolved'"
    )
    assert reason["reason"] == f"The rule was {how.removesuffix(' in the database')}"
    assert outbox(database)[2:] == [("resolved", "email"), ("resolved", "webhook")]


async def test_broken_rules_are_reported_and_the_others_go_on(database: str, pool: Pool) -> None:
    units = await create_rule(pool, SCOPE, rule_of("mixed"), author(NOON))
    huge = await create_rule(pool, SCOPE, rule_of("huge", aggregation="sum"), author(NOON))
    unreadable = await create_rule(pool, SCOPE, rule_of("load"), author(NOON))
    sound = await create_rule(pool, SCOPE, rule_of("load"), author(NOON))
    shape = {"kind": "ratio", "frequency": "real_time"}
    for unit in ("ms", "s"):
        add_samples(database, "mixed", [(NOON, 250)], unit=unit, **shape)
    add_samples(database, "huge", [(NOON, 1.7e308), (NOON, 1.7e308)], **shape)
    add_samples(database, "load", [(NOON, 250)], **shape)
    execute(
        database,
        "UPDATE fature.alert_rule SET window_name = 'fortnight' WHERE rule_id = %s",
        unreadable["rule_id"],
    )
    async with leader(database) as leading:
        outcome = await leading.tick(NOON)
        assert {one["rule_id"]: one["value"] for one in events_of(database)} == {
            sound["rule_id"]: 250,
            huge["rule_id"]: 1.7976931348623157e308,
        }
        errors = {
            row["rule_id"]: row["last_error"]
            for row in execute(database, "SELECT rule_id, last_error FROM fature.alert_rule")
        }
        assert outcome.errors.keys() == {units["rule_id"], unreadable["rule_id"]}
        assert "several units (ms, s)" in errors[units["rule_id"]]
        assert "fortnight" in errors[unreadable["rule_id"]]
        assert errors[sound["rule_id"]] is None
        fixed = rule_of("mixed", group_by=["unit"])
        await replace_rule(pool, SCOPE, units["rule_id"], fixed, author(NOON))
        await leading.tick(NOON + minutes(1))
    assert len(events_of(database, units["rule_id"])) == 2


@pytest.fixture
async def silenced(pool: Pool) -> None:
    """A rule, muted from noon until five minutes past."""
    rule = rule_of("load", notification_channels=["email"], repeat_interval="1h")
    await create_rule(pool, SCOPE, rule, author(NOON))
    silence = dict.fromkeys(("rule_id", "severity", "service_name"))
    period = {"starts_at": NOON, "ends_at": NOON + minutes(5), "comment": ""}
    await add_silence(pool, SCOPE, {**silence, "metric_name": "load", **period}, author(NOON))


SILENCES = [
    # What is seen in each minute, and who is told what in which.
    ("within", {1: 250, 3: 50}, []),
    ("outlasting it", {1: 250, 8: 50}, ["5 repeated", "8 resolved"]),
    ("over as it ends", {1: 250, 5: 50}, []),
    ("before, and over within", {-2: 250, 3: 50}, ["-2 opened", "3 resolved"]),
    ("before, and over after", {-2: 250, 8: 50}, ["-2 opened", "8 resolved"]),
    ("after", {6: 250, 8: 50}, ["6 opened", "8 resolved"]),
]


@pytest.mark.usefixtures("silenced")
@pytest.mark.parametrize(
    ("values", "told"), [case[1:] for case in SILENCES], ids=[case[0] for case in SILENCES]
)
async def test_silenced_events_are_told_once_the_silence_is_over(
    database: str, values: dict[int, float], told: list[str]
) -> None:
    found: list[str] = []
    value = 50.0
    async with leader(database) as leading:
        for minute in range(-3, 12):
            value = values.get(minute, value)
            shape = {"kind": "ratio", "frequency": "real_time"}
            # Every five minutes' mean is that of the last one.
            execute(database, "DELETE FROM fature.sample_real_time")
            add_samples(database, "load", [(NOON + minutes(minute), value)], **shape)
            await leading.tick(NOON + minutes(minute))
            new = [transition for transition, _ in outbox(database)][len(found) :]
            found += [f"{minute} {transition}" for transition in new]
    assert found == told
    assert [one["status"] for one in events_of(database)] == ["resolved"]


@pytest.mark.usefixtures("silenced")
async def test_what_was_acknowledged_under_a_silence_is_not_told_after_it(
    database: str, pool: Pool
) -> None:
    add_samples(database, "load", [(NOON, 250)], kind="ratio", frequency="real_time")
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(1))
        (event,) = events_of(database)
        await acknowledge(pool, SCOPE, event["event_id"], None, author(NOON + minutes(2)))
        await leading.tick(NOON + minutes(5))
    assert outbox(database) == []


async def test_a_series_that_is_committed_after_many_newer_ones_is_judged(
    database: str, pool: Pool
) -> None:
    await create_rule(pool, SCOPE, rule_of("load"), author(NOON))
    shape = {"kind": "ratio", "frequency": "real_time"}
    add_samples(database, "load", [(NOON, 50)], **shape)
    add = """
        INSERT INTO fature.series (metric_name, metric_type, frequency, unit, region)
        SELECT 'load', 'revenue', 'real_time', NULL, 'R' || n
        FROM generate_series(%s::int, %s::int) AS n
    """
    async with leader(database) as leading:
        await leading.tick(NOON)
        with psycopg.connect(database) as slow:
            slow.execute(add, (1, 1))
            execute(database, add, 2, 1500)
            await leading.tick(NOON + timedelta(seconds=15))
        add_samples(database, "load", [(NOON + minutes(6), 250)], region="R1", **shape)
        await leading.tick(NOON + minutes(6.5))
    (event,) = events_of(database)
    assert event["value"] == 250


async def test_tenants_do_not_see_each_other(database: str, pool: Pool) -> None:
    await create_rule(pool, Scope("other"), rule_of("load"), author(NOON))
    add_samples(database, "load", [(NOON, 250)], kind="ratio", frequency="real_time")
    async with leader(database) as leading:
        await leading.tick(NOON)
    assert events_of(database) == []


@pytest.mark.parametrize("loops", [2, 4])
async def test_loops_that_all_think_they_lead_give_no_event_twice(
    database: str, pool: Pool, loops: int
) -> None:
    for number in range(20):
        await create_rule(pool, SCOPE, rule_of("load", threshold_value=number), author(NOON))
    add_samples(database, "load", [(NOON, 250)], kind="ratio", frequency="real_time")
    contexts = [leader(database) for _ in range(loops)]
    leaders = [await context.__aenter__() for context in contexts]
    try:
        for step in range(4):
            now = NOON + timedelta(seconds=15 * step)
            await asyncio.gather(*(one.tick(now) for one in leaders))
        add_samples(
            database, "load", [(NOON + minutes(8), -5)], kind="ratio", frequency="real_time"
        )
        await asyncio.gather(*(one.tick(NOON + minutes(8)) for one in leaders))
    finally:
        for context in contexts:
            await context.__aexit__(None, None, None)
    assert len(events_of(database)) == 20
    assert {one["status"] for one in events_of(database)} == {"resolved"}
    assert len(outbox(database)) == 20 * 2 * 2


async def test_one_loop_leads_and_another_takes_over_when_its_session_dies(
    database: str, pool: Pool
) -> None:
    async with leader(database) as second, dedicated_connection(database) as first:
        assert await lead(first)
        assert not await lead(second.conn)
        pid = first.info.backend_pid
        execute(database, "SELECT pg_terminate_backend(%s)", pid)
        for _ in range(100):
            if await lead(second.conn):
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("nobody took over")


async def test_a_killed_leader_is_replaced_and_nothing_is_lost_or_doubled(
    database: str, pool: Pool
) -> None:
    await create_rule(pool, SCOPE, rule_of("load"), author(NOON))
    clock = lambda: NOON + minutes(1)  # noqa: E731
    loops = [
        asyncio.create_task(run_alerts(database, UTC_ZONE, CONTEXT, 0.1, clock)) for _ in range(3)
    ]
    try:
        await asyncio.sleep(0.5)
        kill = """
            SELECT pg_terminate_backend(pid) FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
        assert len(execute(database, kill)) == 1
        add_samples(database, "load", [(NOON, 250)], kind="ratio", frequency="real_time")
        for _ in range(100):
            await asyncio.sleep(0.05)
            if events_of(database):
                break
            execute(database, kill)
        await asyncio.sleep(0.5)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    assert len(events_of(database)) == 1
    assert outbox(database) == [("opened", "email"), ("opened", "webhook")]


async def test_a_recurring_silence_mutes_in_its_hours_alone(database: str, pool: Pool) -> None:
    await create_rule(pool, SCOPE, rule_of("load", group_by=["region"]), author(NOON))
    # Every Tuesday from 12:00 to 12:05, of one region.
    silence = dict.fromkeys(("rule_id", "metric_name", "severity", "service_name"))
    hours = {"days": ["tue"], "from": "12:00", "to": "12:05"}
    given = {**silence, "group": {"region": "SP"}, "schedule": hours, "comment": ""}
    await add_silence(
        pool, SCOPE, {**given, "starts_at": NOON - minutes(60), "ends_at": None}, author(NOON)
    )
    for region in ("SP", "RJ"):
        add_samples(
            database, "load", [(NOON + minutes(n), 250) for n in range(9)],
            kind="ratio", frequency="real_time", region=region,
        )  # fmt: skip
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(1))
        assert outbox(database) == [("opened", "email"), ("opened", "webhook")]
        await leading.tick(NOON + minutes(4.9))
        assert len(outbox(database)) == 2
        await leading.tick(NOON + minutes(5))
    assert outbox(database)[2:] == [("repeated", "email"), ("repeated", "webhook")]
