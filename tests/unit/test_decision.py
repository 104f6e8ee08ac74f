"""The decision, in tables and in properties."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.decision import (
    INACTIVE,
    Observation,
    Reading,
    State,
    Transition,
    next_state,
    resolved_by_hand,
)
from alerts.watch import Watch
from sql.durations import Calendar, Trailing
from sql.vocabulary import Aggregation, Condition, NoData

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def watch(**fields: Any) -> Watch:
    given: dict[str, Any] = {
        "metric_name": "load",
        "aggregation": "avg",
        "window": Trailing(300),
        "condition": ">",
        "threshold": 100.0,
    } | fields
    return Watch(**{"recovery": given["threshold"]} | given)


def reading(value: float | None, now: datetime = START) -> Reading:
    return Reading(value, now - 5 * MINUTE, now)


def replay(
    rule: Watch, values: list[float | None], partials: list[float | None] | None = None
) -> list[str]:
    """One observation a minute; what changed, as ``minute:change``."""
    changes = []
    state = INACTIVE
    for minute, value in enumerate(values):
        now = START + minute * MINUTE
        unsettled = (reading(partials[minute], now),) if partials else ()
        seen = Observation(reading(value, now), unsettled)
        state, transitions = next_state(rule, state, seen, now)
        changes += [f"{minute}:{one.change}" for one in transitions]
    return changes


@pytest.mark.parametrize(
    ("fields", "values", "changes"),
    [
        ({}, [50, 100, 101, 200, 100], ["2:opened", "4:resolved"]),
        ({"condition": ">="}, [99, 100, 99], ["1:opened", "2:resolved"]),
        ({"condition": "<"}, [100, 99, 100], ["1:opened", "2:resolved"]),
        ({"condition": "<="}, [101, 100, 101], ["1:opened", "2:resolved"]),
        ({"condition": "=="}, [101, 100, 101], ["1:opened", "2:resolved"]),
        ({"condition": "!="}, [100, 101, 100], ["1:opened", "2:resolved"]),
        # for
        ({"hold": 120}, [200, 200, 200, 50], ["0:pending", "2:opened", "3:resolved"]),
        ({"hold": 120}, [200, 200, 50, 200], ["0:pending", "2:inactive", "3:pending"]),
        # keep_firing_for
        ({"keep_firing": 120}, [200, 50, 50, 50], ["0:opened", "3:resolved"]),
        ({"keep_firing": 120}, [200, 50, 200, 50, 50, 50], ["0:opened", "5:resolved"]),
        # recovery_threshold
        ({"recovery": 80}, [90, 200, 90, 81, 80], ["1:opened", "4:resolved"]),
        ({"condition": "<", "recovery": 120}, [110, 90, 110, 120], ["1:opened", "3:resolved"]),
        # no_data
        ({}, [None, 200, None, None, 50], ["1:opened", "4:resolved"]),
        ({"no_data": "resolve"}, [None, 200, None], ["1:opened", "2:resolved"]),
        ({"no_data": "alert"}, [50, None, 50], ["1:opened", "2:resolved"]),
        ({"no_data": "alert", "hold": 60}, [None, None], ["0:pending", "1:opened"]),
        ({"hold": 120}, [200, None, 200], ["0:pending", "2:opened"]),
        # repeat_interval
        ({"repeat": 120}, [200] * 6, ["0:opened", "2:repeated", "4:repeated"]),
        ({"repeat": 120}, [200, 200, 50, 50], ["0:opened", "2:resolved"]),
    ],
)  # fmt: skip
def test_the_steps_of_a_rule(
    fields: dict[str, Any], values: list[float | None], changes: list[str]
) -> None:
    assert replay(watch(**fields), values) == changes


@pytest.mark.parametrize(
    ("fields", "opens"),
    [
        ({"aggregation": "sum"}, True),
        ({"aggregation": "count", "condition": ">="}, True),
        ({"aggregation": "max"}, True),
        ({"aggregation": "avg"}, False),
        ({"aggregation": "min"}, False),
        ({"aggregation": "last"}, False),
        ({"aggregation": "sum", "condition": "<", "threshold": 1000.0}, False),
        ({"aggregation": "sum", "condition": "=="}, False),
    ],
)
def test_only_what_can_but_grow_fires_before_its_period_is_over(
    fields: dict[str, Any], opens: bool
) -> None:
    rule = watch(window=Calendar("hour"), **fields)
    settled = 5000.0 if fields.get("condition") == "<" else 0.0
    partial = 100.0 if fields.get("condition") == "==" else 200.0
    changes = replay(rule, [settled], [partial])
    assert changes == (["0:opened"] if opens else [])


def test_what_fired_early_stays_open_until_a_whole_period_is_below() -> None:
    rule = watch(window=Calendar("hour"), aggregation="sum")
    #          early        it is the last one   the next one is over
    settled = [10.0, 10.0, 150.0, 150.0, 40.0]
    partial = [90.0, 150.0, 0.0, 40.0, 0.0]
    assert replay(rule, list(settled), list(partial)) == ["1:opened", "4:resolved"]


def test_an_early_period_is_judged_where_the_last_one_has_no_data() -> None:
    rule = watch(window=Calendar("hour"), aggregation="max")
    assert replay(rule, [None, None], [50.0, 200.0]) == ["1:opened"]


def test_an_event_resolved_by_hand_stays_quiet_until_it_cleared_once() -> None:
    rule = watch()
    state, _ = next_state(rule, INACTIVE, Observation(reading(200)), START)
    state = resolved_by_hand(state, START)
    for minute, (value, phase) in enumerate(
        [(200, "quiet"), (None, "quiet"), (300, "quiet"), (50, "inactive"), (200, "open")]
    ):
        now = START + minute * MINUTE
        state, _ = next_state(rule, state, Observation(reading(value, now)), now)
        assert state.phase == phase


@pytest.mark.parametrize(
    ("condition", "values", "peak"),
    [(">", [150, 200, 170], 200), ("<", [50, 20, 40], 20), ("!=", [150, 20, 110], 20)],
)
def test_the_worst_value_is_kept(condition: Condition, values: list[float], peak: float) -> None:
    state = INACTIVE
    for minute, value in enumerate(values):
        now = START + minute * MINUTE
        rule = watch(condition=condition)
        state, _ = next_state(rule, state, Observation(reading(value, now)), now)
    assert state.peak == peak


def test_an_acknowledged_event_is_not_repeated() -> None:
    rule = watch(repeat=60.0)
    state = State("open", START, notified_at=START, peak=200.0, acknowledged=True)
    assert next_state(rule, state, Observation(reading(200)), START + 9 * MINUTE)[1] == []


@pytest.mark.parametrize(
    ("rule", "values", "reason"),
    [
        (watch(), [200], "avg of load is 200 BRL, above 100"),
        (watch(hold=60), [200, 200], "avg of load is 200 BRL, above 100, for 1m"),
        (watch(), [200, 50], "avg of load is 50 BRL, not above 100"),
        (watch(recovery=80.0), [200, 50], "avg of load is 50 BRL, not above 80"),
        (watch(no_data="alert"), [None], "There is no data for the avg of load, which alerts"),
        (watch(no_data="resolve"), [200, None],
         "There is no data for the avg of load, which resolves"),
        (watch(condition="<"), [0.1], "avg of load is 0.1 BRL, below 100"),
    ],
)  # fmt: skip
def test_every_step_says_why(rule: Watch, values: list[float | None], reason: str) -> None:
    state, last = INACTIVE, ""
    for minute, value in enumerate(values):
        now = START + minute * MINUTE
        seen = Reading(value, now - MINUTE, now, "BRL")
        state, transitions = next_state(rule, state, Observation(seen), now)
        last = str(transitions[-1].reason)
    assert last == reason


RULES = st.builds(
    lambda condition, aggregation, window, slack, hold, keep, repeat, no_data: watch(
        condition=condition,
        aggregation=aggregation,
        window=window,
        threshold=10.0,
        recovery=10.0 + {">": -slack, ">=": -slack, "<": slack, "<=": slack}.get(condition, 0.0),
        hold=hold,
        keep_firing=keep,
        repeat=repeat,
        no_data=no_data,
    ),
    st.sampled_from(get_args(Condition)),
    st.sampled_from(get_args(Aggregation)),
    st.sampled_from([Calendar("hour"), Trailing(300)]),
    st.sampled_from([0.0, 3.0]),
    st.sampled_from([0.0, 60.0, 150.0]),
    st.sampled_from([0.0, 60.0, 150.0]),
    st.sampled_from([None, 60.0, 200.0]),
    st.sampled_from(get_args(NoData)),
)
VALUES = st.none() | st.integers(0, 20).map(float)
HISTORY = st.lists(st.tuples(VALUES, VALUES, st.integers(1, 200)), max_size=40)


def lived(
    rule: Watch, history: list[tuple[float | None, float | None, int]]
) -> list[tuple[datetime, Observation, State, State, list[Transition]]]:
    steps = []
    state, now = INACTIVE, START
    for settled, partial, seconds in history:
        now += timedelta(seconds=seconds)
        observation = Observation(reading(settled, now), (reading(partial, now),))
        before = state
        state, transitions = next_state(rule, state, observation, now)
        steps.append((now, observation, before, state, transitions))
    return steps


@given(RULES, HISTORY)
def test_events_open_and_resolve_in_turn(
    rule: Watch, history: list[tuple[float | None, float | None, int]]
) -> None:
    changes = [one.change for *_, transitions in lived(rule, history) for one in transitions]
    shown = [change for change in changes if change in ("opened", "resolved")]
    assert shown == ["opened", "resolved"] * (len(shown) // 2) + ["opened"] * (len(shown) % 2)


@given(RULES, HISTORY)
def test_a_changed_phase_always_has_its_reason(
    rule: Watch, history: list[tuple[float | None, float | None, int]]
) -> None:
    for _, _, before, after, transitions in lived(rule, history):
        assert all(one.reason for one in transitions)
        if before.phase != after.phase:
            assert len(transitions) == 1


@given(RULES, HISTORY)
def test_the_same_instant_decides_the_same_again(
    rule: Watch, history: list[tuple[float | None, float | None, int]]
) -> None:
    """A tick that is repeated, as after a crash before the commit, changes nothing."""
    for now, observation, _, after, _ in lived(rule, history):
        again, transitions = next_state(rule, after, observation, now)
        if after.phase == "inactive":
            continue
        assert (again.phase, transitions) == (after.phase, [])


@given(RULES, HISTORY)
def test_nothing_opens_before_its_time(
    rule: Watch, history: list[tuple[float | None, float | None, int]]
) -> None:
    pending_since = None
    for now, _, before, after, transitions in lived(rule, history):
        if before.phase == "inactive" and after.phase in ("pending", "open"):
            pending_since = now
        if any(one.change == "opened" for one in transitions):
            assert pending_since is not None
            assert now - pending_since >= timedelta(seconds=rule.hold)


@given(RULES, HISTORY)
def test_silence_changes_nothing_where_it_is_ignored(
    rule: Watch, history: list[tuple[float | None, float | None, int]]
) -> None:
    ignoring = rule._replace(no_data="ignore", repeat=None)
    silent = Observation(reading(None), (reading(None),))
    for now, _, _, state, _ in lived(ignoring, history):
        assert next_state(ignoring, state, silent, now) == (state, [])
