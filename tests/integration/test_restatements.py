"""Events whose figures change afterwards are decided again: restated or retracted, and who was
notified of them is notified of that once.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.changes import Change, note_changes
from alerts.events import resolve
from alerts.keeping import Keeping
from alerts.memory import Memory
from alerts.registry import create_rule, remove_rule, replace_rule
from alerts.rules import Rule
from alerts.silences import add_silence
from retention.policies import accept_ages, parse_keep
from service.access.caller import Caller, Principal
from service.metrics.corrections.relabels import Relabelling, RelabelSpec
from service.metrics.corrections.removals import Removals
from service.metrics.corrections.selections import SelectionVoids, VoidSpec
from service.metrics.corrections.voids import Corrections
from service.metrics.ingest.ids import SampleIds
from service.metrics.query.selection import Selection
from sql.database import Pool, connection, create_pool
from sql.engine import Engine
from tests.alert_loop import (
    NOON,
    SCOPE,
    add_samples,
    author,
    events_of,
    execute,
    leader,
    minutes,
    outbox,
    pause_refreshes,
    rule_of,
)

pytestmark = pytest.mark.anyio

ACCEPT = accept_ages(parse_keep(""))
HOUR = timedelta(hours=1)
# An hour that began at noon is judged then.
JUDGED = NOON + HOUR + minutes(2)
BOTH = {"notification_channels": ["email", "webhook"]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Without the default rules, and where samples of any time count at once."""
    execute(database, "DELETE FROM fature.alert_rule")
    pause_refreshes(database)
    async with create_pool(database, size=4) as opened:
        yield opened


class Figures:
    """What changes them, as the service does."""

    def __init__(self, url: str, pool: Pool) -> None:
        self._url, self._pool = url, pool
        self._caller = Caller(Principal("key:1", "admin", SCOPE), JUDGED)

    async def _follow(self, _: object) -> None:
        await asyncio.to_thread(execute, self._url, "CALL fature.refresh_corrected()")

    async def replace(self, metric: str, old: float, new: float) -> None:
        """The one sample that has a value by another."""
        (row,) = execute(
            self._url,
            "SELECT id FROM fature.sample_hourly INNER JOIN fature.series USING (series_id) "
            "WHERE metric_name = %s AND value = %s",
            metric, old,
        )  # fmt: skip
        corrections = Corrections(self._pool, SampleIds(self._pool), ACCEPT, self._follow)
        await corrections.replace(self._caller, row["id"], new, "A typo")

    async def void(self, metric: str, since: datetime, before: datetime) -> None:
        """All samples in a range."""
        selection = Selection("default", {"metric_name": metric}, {})
        spec = VoidSpec(
            metric_name=metric, selection=selection, since=since, before=before, reason="Tests"
        )
        await SelectionVoids(self._url, self._pool, ACCEPT, self._follow).void(self._caller, spec)

    async def relabel(self, metric: str, old: str, new: str) -> None:
        """One region to another."""
        spec = RelabelSpec(label="region", value=old, to=new, reason="x", metric_name=metric)
        await Relabelling(self._url, self._follow).relabel(self._caller, spec)

    async def late(self, metric: str, at: datetime, value: float, **how: Any) -> None:
        """A sample that comes after all."""
        add_samples(self._url, metric, [(at, value)], **how)
        async with connection(self._pool) as conn:
            await note_changes(conn, [Change("default", metric, at, at)])


@pytest.fixture
def figures(database: str, pool: Pool) -> Figures:
    return Figures(database, pool)


def below(metric: str, threshold: float, **fields: Any) -> Rule:
    """A rule of the last whole hour."""
    return rule_of(metric, condition="<", threshold_value=threshold, window="hour", **fields)


async def silence(pool: Pool, rule: dict[str, Any], since: datetime) -> None:
    """Notifications of the rule, for some hours."""
    given = dict.fromkeys(("metric_name", "severity", "service_name"))
    given |= {"rule_id": rule["rule_id"], "comment": ""}
    period = {"starts_at": since, "ends_at": since + 9 * HOUR}
    await add_silence(pool, SCOPE, given | period, author(NOON))


def restatement(event: dict[str, Any]) -> tuple[object, ...]:
    return event["status"], event["restated_value"], event["retracted"]


def steps_of(url: str) -> list[str]:
    rows = execute(url, "SELECT transition FROM fature.alert_transition ORDER BY transition_id")
    return [row["transition"] for row in rows]


async def test_an_open_event_of_a_wrong_figure_is_retracted_and_told_of_once(
    database: str, pool: Pool, figures: Figures
) -> None:
    await create_rule(pool, SCOPE, below("sales", 100, **BOTH), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await figures.replace("sales", 5, 500)
        for minute in range(1, 4):
            await leading.tick(JUDGED + minutes(minute))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 500, True)
    assert (event["value"], event["peak_value"]) == (5, 500)
    assert event["restated_at"] == event["resolved_at"] == JUDGED + minutes(1)
    assert outbox(database) == [
        *(("opened", "email"), ("opened", "webhook")),
        *(("retracted", "email"), ("retracted", "webhook")),
    ]
    (message,) = execute(
        database,
        "SELECT DISTINCT message ->> 'known_value' AS known, message ->> 'value' AS value "
        "FROM fature.alert_notification WHERE message ->> 'transition' = 'retracted'",
    )
    assert (message["known"], message["value"]) == ("5.0", "500.0")


async def test_an_event_that_would_have_opened_anyway_is_restated(
    database: str, pool: Pool, figures: Figures
) -> None:
    await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await figures.late("sales", NOON + minutes(5), 60)
        await leading.tick(JUDGED + minutes(1))
        (event,) = events_of(database)
        assert restatement(event) == ("open", 65, False)
        # Of yet another value people are not notified, but of what turns it about.
        await figures.late("sales", NOON + minutes(6), 10)
        await leading.tick(JUDGED + minutes(2))
        await figures.late("sales", NOON + minutes(7), 70)
        await leading.tick(JUDGED + minutes(3))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 145, True)
    assert steps_of(database) == ["opened", "restated", "restated", "retracted"]
    assert [step for step, channel in outbox(database) if channel == "email"] == [
        "opened",
        "restated",
        "retracted",
    ]


async def test_a_resolved_event_is_retracted_and_may_stand_again(
    database: str, pool: Pool, figures: Figures
) -> None:
    rule = await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5), (NOON + HOUR, 200)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await leading.tick(JUDGED + HOUR)
        (event,) = events_of(database, rule["rule_id"])
        assert event["status"] == "resolved"
        resolved_at = event["resolved_at"]
        await figures.late("sales", NOON + minutes(5), 600)
        await leading.tick(JUDGED + HOUR + minutes(1))
        (event,) = events_of(database)
        assert restatement(event) == ("resolved", 605, True)
        assert event["resolved_at"] == resolved_at
        await figures.void("sales", NOON + minutes(1), NOON + minutes(6))
        await leading.tick(JUDGED + HOUR + minutes(2))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 5, False)
    assert [step for step, channel in outbox(database) if channel == "email"] == [
        *("opened", "resolved", "retracted", "restated"),
    ]


async def test_who_was_not_notified_is_not_notified_of_the_correction(
    database: str, pool: Pool, figures: Figures
) -> None:
    rule = await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    await silence(pool, rule, NOON)
    add_samples(database, "sales", [(NOON, 5)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await figures.replace("sales", 5, 500)
        await leading.tick(JUDGED + minutes(1))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 500, True)
    assert outbox(database) == []


async def test_a_silence_that_came_later_keeps_nobody_from_hearing_of_it(
    database: str, pool: Pool, figures: Figures
) -> None:
    rule = await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await silence(pool, rule, JUDGED)
        await figures.replace("sales", 5, 500)
        await leading.tick(JUDGED + minutes(1))
    assert ("retracted", "email") in outbox(database)


async def test_a_group_opens_anew_where_it_still_has_reason_to(
    database: str, pool: Pool, figures: Figures
) -> None:
    await create_rule(pool, SCOPE, below("sales", 100, group_by=["region"]), author(NOON))
    for region in ("SP", "RJ"):
        add_samples(database, "sales", [(NOON, 5), (NOON + HOUR, 6)], region=region)
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await leading.tick(JUDGED + HOUR)
        await figures.late("sales", NOON, 900, region="SP")
        await leading.tick(JUDGED + HOUR + minutes(1))
    events = [(one["group_labels"]["region"], *restatement(one)) for one in events_of(database)]
    assert sorted(events, key=str) == [
        ("RJ", "open", None, False),
        ("SP", "open", None, False),
        ("SP", "resolved", 905, True),
    ]


async def test_the_earlier_figures_of_a_change_are_figures_it_was_decided_by(
    database: str, pool: Pool, figures: Figures
) -> None:
    rule = below("sales", -50, type="change", compare="previous_day")
    await create_rule(pool, SCOPE, rule, author(NOON))
    add_samples(database, "sales", [(NOON - 24 * HOUR, 1000), (NOON, 100)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        (event,) = events_of(database)
        assert event["value"] == -90
        await figures.replace("sales", 1000, 125)
        await leading.tick(JUDGED + minutes(1))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", -20, True)


async def test_a_trailing_window_is_seen_as_it_was_when_the_event_opened(
    database: str, pool: Pool, figures: Figures
) -> None:
    how = {"kind": "ratio", "frequency": "real_time"}
    await create_rule(pool, SCOPE, rule_of("load", threshold_value=250), author(NOON))
    opened = NOON + minutes(2.5)
    add_samples(database, "load", [(NOON, 300), (NOON + minutes(2), 400)], **how)
    async with leader(database) as leading:
        await leading.tick(opened)
        # What came to be later, also in the same minute, is no part of it.
        add_samples(database, "load", [(opened + minutes(0.1), 0), (opened + minutes(1), 0)], **how)
        await figures.late("load", NOON + minutes(1), 380, **how)
        await leading.tick(opened + minutes(30))
        (event,) = events_of(database)
        assert event["value"] == 350
        assert (event["restated_value"], event["retracted"]) == (360, False)
        await figures.void("load", NOON, NOON + minutes(2.2))
        await leading.tick(opened + minutes(31))
    (event,) = events_of(database)
    assert (event["restated_value"], event["retracted"]) == (None, True)


async def test_a_period_that_goes_on_restates_nothing_but_less_than_it_was_does(
    database: str, pool: Pool, figures: Figures
) -> None:
    rule = rule_of("paid", threshold_value=500, window="hour")
    await create_rule(pool, SCOPE, rule, author(NOON))
    add_samples(database, "paid", [(NOON, 600)])
    async with leader(database) as leading:
        await leading.tick(NOON + minutes(10))
        add_samples(database, "paid", [(NOON + minutes(20), 1000)])
        await figures.late("paid", NOON + minutes(5), 50)
        await leading.tick(NOON + minutes(30))
        (event,) = events_of(database)
        assert (event["value"], event["restated_at"]) == (600, None)
        await figures.replace("paid", 600, 60)
        await leading.tick(NOON + minutes(31))
    retracted, again = events_of(database)
    assert restatement(retracted) == ("resolved", 110, True)
    # By what came since, it has reason to.
    assert (again["status"], again["value"]) == ("open", 1110)


async def test_a_condition_that_did_not_hold_long_enough_retracts(
    database: str, pool: Pool, figures: Figures
) -> None:
    how = {"kind": "ratio", "frequency": "real_time"}
    rule = rule_of("load", threshold_value=250, window="1m", **{"for": "10m"})
    await create_rule(pool, SCOPE, rule, author(NOON))
    values = [(NOON + minutes(minute), 300.0) for minute in range(13)]
    add_samples(database, "load", values, **how)
    async with leader(database) as leading:
        for minute in range(12):
            await leading.tick(NOON + minutes(minute + 0.5))
        (event,) = events_of(database)
        assert event["value"] == 300
        await figures.void("load", NOON + minutes(5), NOON + minutes(7))
        for minute in range(4, 8):
            await figures.late("load", NOON + minutes(minute + 0.2), 10, **how)
        await leading.tick(NOON + minutes(13))
    event = events_of(database)[0]
    assert (event["restated_value"], event["retracted"]) == (300, True)


async def test_silence_that_was_none_retracts(database: str, pool: Pool, figures: Figures) -> None:
    rule = rule_of("level", condition="<", threshold_value=5, window="hour", no_data="alert")
    await create_rule(pool, SCOPE, rule, author(NOON))
    add_samples(database, "level", [(NOON - HOUR, 9)], kind="stock")
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        (event,) = events_of(database)
        assert event["value"] is None
        await figures.late("level", NOON, 9, kind="stock")
        await leading.tick(JUDGED + minutes(1))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 9, True)


async def test_an_event_is_decided_again_by_the_rule_that_it_was_opened_by(
    database: str, pool: Pool, figures: Figures
) -> None:
    edited = await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    removed = await create_rule(pool, SCOPE, below("sales", 200), author(NOON))
    add_samples(database, "sales", [(NOON, 50)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        changed = below("sales", 20, rule_name=edited["rule_name"])
        await replace_rule(pool, SCOPE, edited["rule_id"], changed, author(JUDGED))
        await remove_rule(pool, SCOPE, removed["rule_id"], author(JUDGED))
        await figures.replace("sales", 50, 150)
        await leading.tick(JUDGED + minutes(1))
    first, second = events_of(database)
    assert restatement(first) == ("resolved", 150, True)
    assert restatement(second) == ("resolved", 150, False)


async def test_a_merge_of_labels_restates(database: str, pool: Pool, figures: Figures) -> None:
    await create_rule(pool, SCOPE, below("sales", 100, region="SP"), author(NOON))
    add_samples(database, "sales", [(NOON, 5)], region="SP")
    add_samples(database, "sales", [(NOON, 500)], region="Sao Paulo")
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await figures.relabel("sales", "Sao Paulo", "SP")
        await leading.tick(JUDGED + minutes(1))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 505, True)


async def test_events_of_a_removed_metric_stay_as_they_were(
    database: str, pool: Pool, figures: Figures
) -> None:
    rule = await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])

    async def follow(*_: object) -> None:
        """Nobody is told."""

    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await figures.replace("sales", 5, 6)
        await remove_rule(pool, SCOPE, rule["rule_id"], author(JUDGED))
        caller = Caller(Principal("key:1", "admin", SCOPE), JUDGED)
        await Removals(database, pool, follow).remove(caller, "sales")
        await leading.tick(JUDGED + minutes(1))
    (event,) = events_of(database)
    assert (event["status"], event["restated_at"]) == ("resolved", None)
    assert execute(database, "SELECT 1 FROM fature.figure_change") == []


async def test_what_is_not_kept_any_more_retracts_nothing(
    database: str, pool: Pool, figures: Figures
) -> None:
    await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])
    days = timedelta(days=1)
    keep = {"hourly": 30 * days, "hour": 60 * days}
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await figures.void("sales", NOON, NOON + HOUR)
        leading.memory = Memory(keeping=Keeping(keep, materialized=False))
        await leading.tick(JUDGED + 40 * days)
        assert events_of(database)[0]["restated_at"] is None
        await figures.late("sales", NOON, 700)
        leading.memory = Memory(keeping=Keeping(keep))
        await leading.tick(JUDGED + 40 * days)
    assert events_of(database)[0]["retracted"]


async def test_many_restatements_of_a_rule_are_one_notification(
    database: str, pool: Pool, figures: Figures
) -> None:
    rule = below("sales", 100, group_by=["region"], digest_over=2)
    await create_rule(pool, SCOPE, rule, author(NOON))
    for number in range(4):
        add_samples(database, "sales", [(NOON, number)], region=f"r{number}")
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        for number in range(4):
            await figures.replace("sales", number, 500 + number)
        await leading.tick(JUDGED + minutes(1))
    messages = execute(
        database,
        "SELECT message -> 'counts' AS counts FROM fature.alert_notification "
        "WHERE channel = 'email' ORDER BY transition_id",
    )
    assert [one["counts"] for one in messages] == [{"opened": 4}, {"retracted": 4}]


async def test_a_person_who_resolved_it_keeps_that(
    database: str, pool: Pool, figures: Figures
) -> None:
    await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        (event,) = events_of(database)
        await resolve(pool, SCOPE, event["event_id"], "Known", author(JUDGED))
        await figures.replace("sales", 5, 500)
        await leading.tick(JUDGED + minutes(1))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 500, True)
    assert (event["resolved_by"], event["comment"]) == ("tester", "Known")


async def test_restatements_of_removed_rules_are_told_rule_by_rule(
    database: str, pool: Pool, figures: Figures
) -> None:
    both = [below("sales", 100, group_by=["region"], digest_over=2) for _ in range(2)]
    rules = [await create_rule(pool, SCOPE, rule, author(NOON)) for rule in both]
    await create_rule(pool, SCOPE, below("sales", -1), author(NOON))
    for number in range(2):
        add_samples(database, "sales", [(NOON, number)], region=f"r{number}")
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        for rule in rules:
            await remove_rule(pool, SCOPE, rule["rule_id"], author(JUDGED))
        for number in range(2):
            await figures.replace("sales", number, 500 + number)
        await leading.tick(JUDGED + minutes(1))
    messages = execute(
        database,
        "SELECT message ->> 'transition' AS transition, message ->> 'rule_name' AS rule "
        "FROM fature.alert_notification "
        "WHERE channel = 'email' AND message ->> 'transition' NOT IN ('opened', 'resolved')",
    )
    assert sorted((one["transition"], one["rule"]) for one in messages) == sorted(
        ("retracted", rule.rule_name) for rule in both for _ in range(2)
    )


async def test_rules_are_judged_also_where_nothing_can_be_decided_again(
    database: str, pool: Pool, figures: Figures
) -> None:
    await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])
    execute(
        database,
        """
        CREATE FUNCTION fature.refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
        CREATE TRIGGER refuse BEFORE DELETE ON fature.figure_change
        EXECUTE FUNCTION fature.refuse()
        """,
    )
    await figures.replace("sales", 5, 6)
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        assert [event["value"] for event in events_of(database)] == [6]
        await figures.replace("sales", 6, 500)
        execute(database, "DROP TRIGGER refuse ON fature.figure_change")
        await leading.tick(JUDGED + minutes(1))
    (event,) = events_of(database)
    assert restatement(event) == ("resolved", 500, True)


async def test_changes_of_days_are_followed_some_at_a_time(
    database: str, pool: Pool, figures: Figures
) -> None:
    await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    samples = [(NOON, 5.0), (NOON + HOUR, 200.0), (NOON + 2 * HOUR, 6.0)]
    add_samples(database, "sales", samples)
    left = "SELECT count(*) AS number FROM fature.figure_change"
    async with leader(database) as leading:
        for hour in range(3):
            await leading.tick(JUDGED + hour * HOUR)
        execute(
            database,
            "INSERT INTO fature.figure_change (tenant, metric_name, since, until) "
            "SELECT 'default', 'sales', i, i FROM (SELECT %s::timestamptz - interval '9 hours' "
            "+ interval '1 second' * generate_series(1, 20000)) AS s (i)",
            NOON,
        )  # fmt: skip
        await figures.late("sales", NOON + minutes(1), 10)
        await figures.late("sales", NOON + 2 * HOUR, 20)
        await leading.tick(JUDGED + 2 * HOUR + minutes(1))
        assert execute(database, left) == [{"number": 2}]
        await leading.tick(JUDGED + 2 * HOUR + minutes(2))
    assert [event["restated_value"] for event in events_of(database)] == [15, 26]


async def test_what_is_being_refreshed_is_waited_for(
    database: str, engine: Engine, pool: Pool, figures: Figures
) -> None:
    if engine == "plain":
        pytest.skip("Nothing is refreshed")
    await create_rule(pool, SCOPE, below("sales", 100), author(NOON))
    add_samples(database, "sales", [(NOON, 5)])
    day = timedelta(days=1)
    refresh = "CALL refresh_continuous_aggregate('fature.rollup_hourly_hour', %s, %s)"
    execute(database, refresh, NOON - day, NOON + day)
    ranges = "_timescaledb_catalog.continuous_aggs_materialization_ranges"
    async with leader(database) as leading:
        await leading.tick(JUDGED)
        await figures.replace("sales", 5, 500)
        execute(database, refresh, NOON - day, NOON + day)
        # As a refresh notes what it is about.
        execute(
            database,
            f"INSERT INTO {ranges} SELECT mat_hypertable_id, "
            "_timescaledb_functions.time_to_internal(%s::timestamptz), "
            "_timescaledb_functions.time_to_internal(%s::timestamptz) "
            "FROM _timescaledb_catalog.continuous_agg WHERE user_view_name = 'rollup_hourly_hour'",
            NOON, NOON + HOUR,
        )  # fmt: skip
        await leading.tick(JUDGED + minutes(1))
        assert events_of(database)[0]["restated_at"] is None
        execute(database, f"DELETE FROM {ranges}")
        await leading.tick(JUDGED + minutes(2))
    assert restatement(events_of(database)[0]) == ("resolved", 500, True)
