"""The decision: from a rule, what is remembered and what is observed to what happens.

Pure: no clock, no database. States go inactive → pending → open → inactive; an event
that a person resolved leaves its state quiet until the condition has cleared once.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from sql.durations import Window, duration_text
from sql.vocabulary import Aggregation, Condition, NoData

Phase = Literal["inactive", "pending", "open", "quiet"]
Change = Literal["pending", "inactive", "opened", "resolved", "repeated"]

_HOLDS: Mapping[Condition, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_WORDS: Mapping[Condition, str] = {
    ">": "above",
    "<": "below",
    ">=": "at or above",
    "<=": "at or below",
    "==": "equal to",
    "!=": "different from",
}
# Over a period that is not over these can only grow.
GROWING: frozenset[Aggregation] = frozenset({"sum", "count", "max"})


class Watch(NamedTuple):
    """A rule as the decision sees it, with nothing left to the catalogue. Durations are
    seconds.
    """

    metric_name: str
    aggregation: Aggregation
    window: Window
    condition: Condition
    threshold: float
    recovery: float
    hold: float = 0.0
    keep_firing: float = 0.0
    repeat: float | None = None
    no_data: NoData = "ignore"

    @property
    def may_fire_early(self) -> bool:
        """Whether a period that is not over can already break the rule for good."""
        return self.condition in (">", ">=") and self.aggregation in GROWING


class Reading(NamedTuple):
    """The figure of one window; None where there is no data."""

    value: float | None
    start: datetime
    end: datetime
    unit: str | None = None


class Observation(NamedTuple):
    """What was seen: the trailing window or the last complete period, and for calendar
    windows also the period that is not over yet; and whether people are not to be told.
    """

    settled: Reading
    partial: Reading | None = None
    silenced: bool = False


class State(msgspec.Struct, frozen=True):
    """What is remembered of a (rule, group). `since` is when the phase began, `clear_since`
    since when an open event's condition has been over, `told_at` when people were last told:
    never of what opened under a silence that has not ended.
    """

    phase: Phase = "inactive"
    since: datetime | None = None
    clear_since: datetime | None = None
    told_at: datetime | None = None
    peak: float | None = None
    acknowledged: bool = False


class Transition(NamedTuple):
    """A step and why it was taken, in words; people are told of it unless it is `unheard`."""

    change: Change
    reason: str
    reading: Reading
    unheard: bool = False


class _Verdict(NamedTuple):
    """Whether the condition holds (None: nothing is known), by which figure."""

    holds: bool | None
    reading: Reading
    worst: float | None = None


INACTIVE = State()


def next_state(
    rule: Watch, state: State, observation: Observation, now: datetime
) -> tuple[State, list[Transition]]:
    """The state after this observation and the steps that led there."""
    verdict = _judge(rule, state, observation)
    match state.phase:
        case "inactive" | "pending":
            return _waiting(rule, state, verdict, now, observation.silenced)
        case "open":
            return _open(rule, state, verdict, now, observation.silenced)
        case "quiet":
            return _quiet(rule, state, verdict)


def resolved_by_hand(state: State, now: datetime) -> State:
    """The state after a person resolved the event."""
    return State("quiet", since=now) if state.phase == "open" else state


def next_deadline(rule: Watch, state: State) -> datetime | None:
    """When the state changes although nothing new is observed."""
    if state.phase == "pending" and state.since:
        return state.since + timedelta(seconds=rule.hold)
    if state.phase == "open" and state.clear_since:
        return state.clear_since + timedelta(seconds=rule.keep_firing)
    return None


def _judge(rule: Watch, state: State, observation: Observation) -> _Verdict:
    # What is open, or was resolved by hand, is over only past the recovery threshold.
    bound = rule.recovery if state.phase in ("open", "quiet") else rule.threshold
    firing = [one for one in _judged(rule, observation) if _holds(rule, one, bound)]
    if firing:
        worst = _worst(rule, [one.value for one in firing if one.value is not None])
        return _Verdict(True, firing[0], worst)
    settled = observation.settled
    if settled.value is not None:
        return _Verdict(False, settled)
    return _Verdict({"ignore": None, "alert": True, "resolve": False}[rule.no_data], settled)


def _judged(rule: Watch, observation: Observation) -> Iterator[Reading]:
    yield observation.settled
    if observation.partial is not None and rule.may_fire_early:
        yield observation.partial


def _holds(rule: Watch, reading: Reading, bound: float) -> bool:
    return reading.value is not None and _HOLDS[rule.condition](reading.value, bound)


def _worst(rule: Watch, values: list[float]) -> float | None:
    """The value furthest past the threshold."""
    if not values:
        return None
    match rule.condition:
        case ">" | ">=":
            return max(values)
        case "<" | "<=":
            return min(values)
        case _:
            return max(values, key=lambda value: abs(value - rule.threshold))


def _waiting(
    rule: Watch, state: State, verdict: _Verdict, now: datetime, silenced: bool
) -> tuple[State, list[Transition]]:
    if verdict.holds is None:
        return state, []
    if not verdict.holds:
        if state.phase == "inactive":
            return state, []
        reason = f"{_figure(rule, verdict)} before it had held for {duration_text(rule.hold)}"
        return INACTIVE, [Transition("inactive", reason, verdict.reading)]
    since = state.since if state.phase == "pending" and state.since else now
    if now - since >= timedelta(seconds=rule.hold):
        held = f", for {duration_text(rule.hold)}" if rule.hold else ""
        opened = Transition("opened", _figure(rule, verdict) + held, verdict.reading, silenced)
        told_at = None if silenced else now
        return State("open", since=now, told_at=told_at, peak=verdict.worst), [opened]
    if state.phase == "pending":
        return state, []
    reason = f"{_figure(rule, verdict)}; opens once it has held for {duration_text(rule.hold)}"
    return State("pending", since=now), [Transition("pending", reason, verdict.reading)]


def _open(
    rule: Watch, state: State, verdict: _Verdict, now: datetime, silenced: bool
) -> tuple[State, list[Transition]]:
    if verdict.holds is False:
        clear_since = state.clear_since or now
        if now - clear_since >= timedelta(seconds=rule.keep_firing):
            stayed = f", for {duration_text(rule.keep_firing)}" if rule.keep_firing else ""
            reason = _figure(rule, verdict, bound=rule.recovery) + stayed
            # Nobody is told of the end of what they never heard of.
            unheard = silenced or state.told_at is None
            return INACTIVE, [Transition("resolved", reason, verdict.reading, unheard)]
        state = msgspec.structs.replace(state, clear_since=clear_since)
    elif verdict.holds:
        known = [value for value in (state.peak, verdict.worst) if value is not None]
        state = msgspec.structs.replace(state, clear_since=None, peak=_worst(rule, known))
    if silenced or state.acknowledged or not _is_due(rule, state, now):
        return state, []
    reason = f"Still open; {_figure(rule, verdict, bound=rule.recovery)}"
    return msgspec.structs.replace(state, told_at=now), [
        Transition("repeated", reason, verdict.reading)
    ]


def _is_due(rule: Watch, state: State, now: datetime) -> bool:
    """Whether people are to be told that it is still open: again, or now that a silence is over."""
    if state.told_at is None:
        return True
    return rule.repeat is not None and now - state.told_at >= timedelta(seconds=rule.repeat)


def _quiet(rule: Watch, state: State, verdict: _Verdict) -> tuple[State, list[Transition]]:
    if verdict.holds is not False:
        return state, []
    reason = f"{_figure(rule, verdict, bound=rule.recovery)}; it may open again"
    return INACTIVE, [Transition("inactive", reason, verdict.reading)]


def _figure(rule: Watch, verdict: _Verdict, bound: float | None = None) -> str:
    """The figure against the threshold, such as ``sum of revenue_hourly is 1200 BRL, below
    1500``.
    """
    name = f"{rule.aggregation} of {rule.metric_name}"
    value = verdict.reading.value
    if value is None:
        outcome = {True: ", which alerts", False: ", which resolves", None: ""}[verdict.holds]
        return f"There is no data for the {name}{outcome}"
    bound = rule.threshold if bound is None else bound
    unit = f" {verdict.reading.unit}" if verdict.reading.unit else ""
    negation = "" if _HOLDS[rule.condition](value, bound) else "not "
    return f"{name} is {_digits(value)}{unit}, {negation}{_WORDS[rule.condition]} {_digits(bound)}"


def _digits(value: float) -> str:
    """Up to six digits after the point, without an exponent where it can be."""
    return f"{value:.6f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:g}"
