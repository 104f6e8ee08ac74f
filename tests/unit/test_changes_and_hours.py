"""Rules of changes, of what is unusual, of enough samples, and with hours."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from alerts.bands import Band, anchor, beside, rarity_within
from alerts.baselines import Stretch, change_of, expected, stretches
from alerts.decision import Compared, Observation, Reading, State, limit, next_state
from alerts.figures import Bucket
from alerts.readings import changed, may_open, reading_of
from alerts.rule_problems import problems
from alerts.rule_rows import as_stored, from_row
from alerts.rules import Rule
from alerts.schedule import Schedule
from alerts.selection import StoredRule, plan_of, watch_of
from alerts.watched import CatalogueEntry
from sql.durations import Calendar, Trailing, Window
from sql.vocabulary import ChangeUnit, Comparison

pytestmark = pytest.mark.one_engine

UTC_ZONE, SAO_PAULO, NEW_YORK = map(ZoneInfo, ("UTC", "America/Sao_Paulo", "America/New_York"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A Tuesday.
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


UNUSUAL: dict[str, Any] = {"type": "anomaly", "condition": None, "threshold_value": None}


def rule_of(**fields: Any) -> Rule:
    smallest = {
        "rule_name": "r",
        "metric_name": "m",
        "condition": "<",
        "threshold_value": -30,
        "severity": "low",
    }
    return Rule.model_validate(smallest | fields)


def change(compare: str = "previous_week", **fields: Any) -> Rule:
    return rule_of(type="change", compare=compare, **{"window": "hour", **fields})


@pytest.mark.parametrize(
    ("window", "compare", "starts"),
    [
        (Calendar("hour"), "previous_period", ["2026-03-10T10"]),
        (Calendar("hour"), "previous_day", ["2026-03-09T11"]),
        (Calendar("hour"), "previous_week", ["2026-03-03T11"]),
        (Calendar("hour"), "previous_year", ["2025-03-11T11"]),
        (
            Calendar("hour"),
            "average_4_weeks",
            ["2026-02-10T11", "2026-02-17T11", "2026-02-24T11", "2026-03-03T11"],
        ),
        (Trailing(3600), "previous_period", ["2026-03-10T10"]),
        (Trailing(7200), "previous_week", ["2026-03-03T10"]),
    ],
)
def test_a_window_is_compared_with_those_before(
    window: Window, compare: Comparison, starts: list[str]
) -> None:
    length = timedelta(seconds=window.seconds) if isinstance(window, Trailing) else HOUR
    found = stretches(window, compare, Stretch(NOON - length, NOON), "minute", UTC_ZONE)
    assert [f"{one.start:%Y-%m-%dT%H}" for one in found] == starts
    assert {one.end - one.start for one in found} == {length}


def test_the_same_hour_is_that_of_the_business_time_zone() -> None:
    """New York's clocks went forward on March 8."""
    (found,) = stretches(
        Calendar("hour"), "previous_week", Stretch(NOON - HOUR, NOON), "hour", NEW_YORK
    )
    assert found == (NOON - 7 * DAY, NOON - 7 * DAY + HOUR)


def test_a_month_is_compared_with_that_of_the_year_before() -> None:
    month = Stretch(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))
    (found,) = stretches(Calendar("month"), "previous_year", month, "month", UTC_ZONE)
    assert found == (datetime(2023, 2, 1, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([], None),
        ([None, None], None),
        ([100.0], 100.0),
        ([None, 100.0, 200.0], 150.0),
        # Silence before the first samples may be what is not kept any more.
        (["silent", "silent"], None),
        (["silent", 100.0], 100.0),
        ([100.0, "silent"], 50.0),
    ],
)
def test_what_is_expected_is_the_mean_of_the_baselines(
    values: list[float | str | None], mean: float | None
) -> None:
    readings = [
        Reading(0.0, NOON, NOON, silent=True) if isinstance(one, str) else Reading(one, NOON, NOON)
        for one in values
    ]
    assert expected(readings) == mean


@pytest.mark.parametrize(
    ("value", "usual", "unit", "result"),
    [
        (60.0, 100.0, "percent", -40.0),
        (60.0, 100.0, "absolute", -40.0),
        (-50.0, -100.0, "percent", 50.0),
        (5.0, 0.0, "percent", None),
        (5.0, 0.0, "absolute", 5.0),
        (1e300, 5e-324, "percent", None),
    ],
)
def test_changes(value: float, usual: float, unit: ChangeUnit, result: float | None) -> None:
    assert change_of(value, usual, unit) == result


def test_without_a_baseline_nothing_fires_whatever_no_data_says() -> None:
    watch = watch_of(change(no_data="alert"), None)
    figure = Reading(10.0, NOON - HOUR, NOON, "BRL")
    reading = changed(watch, figure, [])
    assert (reading.value, reading.compared) == (
        None,
        Compared(10.0, None, "BRL", "previous_week"),
    )
    assert next_state(watch, State(), Observation(reading), NOON) == (State(), [])
    gone = changed(watch, figure._replace(value=None), [])
    assert next_state(watch, State(), Observation(gone), NOON)[0].phase == "open"


def test_the_reason_says_figure_and_baseline() -> None:
    watch = watch_of(change(), None)
    figure = Reading(1200.0, NOON - HOUR, NOON, "BRL")
    reading = changed(watch, figure, [Reading(2000.0, NOON - 169 * HOUR, NOON - 168 * HOUR)])
    _, (opened,) = next_state(watch, State(), Observation(reading), NOON)
    assert str(opened.reason) == (
        "avg of m is 1200 BRL, a week before it was 2000 BRL: the change of -40 percent is below "
        "-30"
    )


@pytest.mark.parametrize(("samples", "value"), [(4, None), (5, 50.0)])
def test_a_value_needs_enough_samples(samples: int, value: float | None) -> None:
    plan = plan_of(StoredRule(1, "default", 1, rule_of(min_samples=5)), None, [])
    (group,) = plan.groups
    bucket = Bucket(50.0 * samples, samples, 50.0, 50.0, 50.0)
    window = Stretch(NOON - HOUR, NOON)
    assert reading_of(plan, group, window, [bucket], lambda _: True).value == value


def test_silence_is_too_few_samples() -> None:
    flow = CatalogueEntry(kind="flow", default_aggregation="sum", frequency="hourly")
    window = Stretch(NOON - HOUR, NOON)
    seen = []
    for least in (0, 1):
        plan = plan_of(StoredRule(1, "default", 1, rule_of(min_samples=least)), flow, [])
        seen.append(reading_of(plan, plan.groups[0], window, [], lambda _: True).value)
    assert seen == [0.0, None]


def hours(**fields: Any) -> Schedule:
    return Schedule.model_validate(fields)


@pytest.mark.parametrize(
    ("schedule", "local", "is_included"),
    [
        ({}, "2026-03-10T00:00", True),
        ({"from": "08:00", "to": "22:00"}, "2026-03-10T07:59", False),
        ({"from": "08:00", "to": "22:00"}, "2026-03-10T08:00", True),
        ({"from": "08:00", "to": "22:00"}, "2026-03-10T22:00", False),
        ({"days": ["mon"]}, "2026-03-10T12:00", False),
        ({"days": ["mon", "tue"]}, "2026-03-10T23:59", True),
        # Over midnight: the night of Monday.
        ({"days": ["mon"], "from": "22:00", "to": "06:00"}, "2026-03-10T05:59", True),
        ({"days": ["mon"], "from": "22:00", "to": "06:00"}, "2026-03-10T06:00", False),
        ({"days": ["tue"], "from": "22:00", "to": "06:00"}, "2026-03-10T05:59", False),
        ({"days": ["tue"], "from": "22:00", "to": "06:00"}, "2026-03-10T22:00", True),
        # All around the clock from then on.
        ({"days": ["mon"], "from": "08:00", "to": "08:00"}, "2026-03-10T07:59", True),
        ({"days": ["mon"], "from": "08:00", "to": "08:00"}, "2026-03-10T08:00", False),
    ],
)
def test_hours_are_those_of_the_business_time_zone(
    schedule: dict[str, Any], local: str, is_included: bool
) -> None:
    instant = datetime.fromisoformat(local).replace(tzinfo=SAO_PAULO).astimezone(UTC)
    assert hours(**schedule).includes(instant, SAO_PAULO) is is_included


def test_hours_may_leave_out_holidays_of_the_country() -> None:
    carnival = datetime(2026, 2, 17, 15, tzinfo=UTC)
    workdays = hours(holidays=False)
    assert workdays.stored == {"holidays": False}
    included = [
        hours().includes(carnival, SAO_PAULO, "BR"),
        workdays.includes(carnival, SAO_PAULO, "BR"),
        workdays.includes(carnival, SAO_PAULO),
        workdays.includes(carnival + 2 * DAY, SAO_PAULO, "BR"),
    ]
    assert included == [True, False, True, True]


def test_hours_keep_to_the_clock_when_it_is_put_forward() -> None:
    opening = hours(**{"from": "08:00", "to": "09:00"})
    # Saturday in winter time, Sunday in summer time.
    at_half_past = [datetime(2026, 3, day, 13, 30, tzinfo=UTC) for day in (7, 8)]
    assert [opening.includes(one, NEW_YORK) for one in at_half_past] == [True, False]
    since, until = datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 3, 8, 23, tzinfo=UTC)
    assert [f"{one:%d %H}" for one in sorted(set(opening.edges(since, until, NEW_YORK)))] == [
        "07 13", "07 14", "08 12", "08 13",
    ]  # fmt: skip


def test_outside_its_hours_nothing_opens_and_what_is_open_is_resolved() -> None:
    watch = watch_of(rule_of(condition=">", threshold_value=1, **{"for": "2m"}), None)

    def step(state: State, value: float, *, opens: bool) -> tuple[State, list[str]]:
        seen = Observation(Reading(value, NOON - HOUR, NOON), may_open=opens)
        after, transitions = next_state(watch, state, seen, NOON)
        return after, [one.change for one in transitions]

    assert step(State(), 5, opens=False) == (State(), [])
    pending, changes = step(State(), 5, opens=True)
    assert changes == ["pending"]
    assert step(pending, 5, opens=False) == (State(), ["inactive"])
    is_open = State("open", since=NOON, notified_at=NOON)
    assert step(is_open, 0, opens=False) == (State(), ["resolved"])


def test_an_hour_that_was_outside_is_not_judged_after_opening() -> None:
    watch = watch_of(rule_of(window="hour", schedule={"from": "08:00", "to": "22:00"}), None)
    ends = [NOON.replace(hour=8), NOON.replace(hour=9)]
    windows = [Stretch(end - HOUR, end) for end in ends]
    assert [may_open(watch, one, one.end + HOUR / 6, UTC_ZONE) for one in windows] == [False, True]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "change"}, "Field required"),
        ({"compare": "previous_week"}, "Only rules of type change"),
        ({"change": "percent"}, "Only rules of type change"),
        ({"type": "change", "compare": "yesterday"}, "Input should be"),
        ({"schedule": {"from": "8:00"}}, "match pattern"),
        ({"schedule": {"to": "24:01"}}, "match pattern"),
        ({"schedule": {"days": []}}, "at least 1"),
        ({"schedule": {"days": ["mon", "mon"]}}, "twice"),
        ({"schedule": {"days": ["monday"]}}, "Input should be"),
        ({"min_samples": -1}, "greater than or equal to 0"),
    ],
)
def test_what_makes_no_rule_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rule_of(**fields)


@pytest.mark.parametrize(
    ("window", "compare", "fits"),
    [
        ("week", "previous_day", False),
        ("day", "previous_day", True),
        ("month", "average_4_weeks", False),
        ("month", "previous_year", True),
        ("8d", "previous_week", False),
        ("90d", "previous_period", True),
    ],
)
def test_a_window_is_no_longer_than_the_time_back(window: str, compare: str, fits: bool) -> None:
    assert (list(problems(change(compare, window=window), None)) == []) is fits


def test_a_rule_is_kept_whole() -> None:
    rule = change(min_samples=3, schedule={"days": ["fri", "mon"], "from": "22:00", "to": "06:00"})
    row = as_stored(rule)
    assert row["schedule"] == {"days": ["mon", "fri"], "from": "22:00", "to": "06:00"}
    assert from_row(row) == rule
    assert rule.change == "percent"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "anomaly"}, "have none"),
        ({"condition": None}, "Field required"),
        ({"threshold_value": None}, "Field required"),
        ({"direction": "below"}, "Only rules of type anomaly"),
        ({"sensitivity": "low"}, "Only rules of type anomaly"),
        ({"alerts_per_month": 2}, "Only rules of type anomaly"),
        ({**UNUSUAL, "compare": "previous_day"}, "Only rules of type change"),
        ({**UNUSUAL, "sensitivity": "low", "alerts_per_month": 2}, "either"),
        ({**UNUSUAL, "alerts_per_month": 0}, "greater than 0"),
    ],
)
def test_what_is_unusual_has_no_threshold(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        rule_of(**fields)


def test_what_is_unusual_is_judged_in_whole_periods() -> None:
    rule = rule_of(**UNUSUAL)
    assert (rule.direction, str(watch_of(rule, None).window)) == ("both", "hour")
    (problem,) = problems(rule.model_copy(update={"window": "5m"}), None)
    assert problem.field == "window"


@pytest.mark.parametrize(
    ("direction", "value", "condition"),
    [
        ("both", 10.0, "<"),
        ("both", 100.0, None),
        ("both", 300.0, ">"),
        ("above", 10.0, None),
        ("below", 300.0, None),
        ("below", 10.0, "<"),
    ],
)
def test_what_is_beyond_the_band_on_its_side_is_unusual(
    direction: str, value: float, condition: str | None
) -> None:
    watch = watch_of(rule_of(**UNUSUAL, direction=direction), None)
    reading = beside(watch, Reading(value, NOON - HOUR, NOON), Band(100.0, 50.0, 200.0))
    beyond = limit(reading)
    assert (beyond and beyond[0]) == condition
    state, _ = next_state(watch, State(), Observation(reading), NOON)
    assert (state.phase == "open") is (condition is not None)


def test_a_history_begins_alike_for_all_of_a_month() -> None:
    begins = {anchor(NOON + n * HOUR, "hour", UTC_ZONE) for n in range(-200, 400, 7)}
    assert begins == {datetime(2025, 12, 1, tzinfo=UTC)}


@pytest.mark.parametrize(("most", "rarity"), [(0, 5.0), (1, 3.0), (100, 2.0)])
def test_the_lowest_rarity_that_keeps_to_a_budget(most: float, rarity: float) -> None:
    assert rarity_within(most, lambda rare: 0 if rare >= 5 else 1 if rare >= 3 else 9) == rarity
