"""The decision: from a rule, what is remembered and what is observed to what happens.

Pure: no clock, no database. States go inactive → pending → open → inactive; an event
that a person resolved leaves its state quiet until the condition has cleared once.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from alerts import reasons
from alerts.watch import Watch
from sql.messages import Message
from sql.vocabulary import Comparison, Condition

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


class Compared(msgspec.Struct, frozen=True):
    """A figure beside what was expected of it (None where nothing was): the earlier figures that
    `compare` names, or what is usual, where it is unusual below `lower` and above `upper`. Of a
    forecast, which has these two alone, the figure is what came of the window so far.
    """

    figure: float
    expected: float | None
    unit: str | None = None
    compare: Comparison | None = None
    lower: float | None = None
    upper: float | None = None

    @property
    def is_forecast(self) -> bool:
        """True where the value is what a window will end with, between `lower` and `upper`."""
        return self.expected is None and self.lower is not None


class Reading(NamedTuple):
    """The value of one window that is judged: its figure, the change of that or the figure that it
    is forecast to end with, where it is `compared`; None where there is no data. `silent` where the
    figure is 0 because no sample arrived.
    """

    value: float | None
    start: datetime
    end: datetime
    unit: str | None = None
    silent: bool = False
    compared: Compared | None = None


class Observation(NamedTuple):
    """The figures seen: the trailing window or the last period that has settled, and for calendar
    windows also those since; whether notifications are silenced, whether the group had no
    samples for so long that it is not judged, and whether an event may open at that time.
    """

    settled: Reading
    unsettled: tuple[Reading, ...] = ()
    silenced: bool = False
    retired: bool = False
    may_open: bool = True


class State(msgspec.Struct, frozen=True):
    """The memory of a (rule, group). `since` is when the phase began, `clear_since`
    since when an open event's condition has been over, `notified_at` when people were last
    notified: never of what opened under a silence that has not ended.
    """

    phase: Phase = "inactive"
    since: datetime | None = None
    clear_since: datetime | None = None
    # As it has been stored from the beginning.
    notified_at: datetime | None = msgspec.field(default=None, name="told_at")
    peak: float | None = None
    acknowledged: bool = False


class Transition(NamedTuple):
    """A step and why it was taken; people are notified of it unless it is `suppressed`."""

    change: Change
    reason: Message
    reading: Reading
    suppressed: bool = False


class _Verdict(NamedTuple):
    """True where the condition holds (None: nothing is known), by which figure."""

    holds: bool | None
    reading: Reading
    worst: float | None = None


INACTIVE = State()


def next_state(
    rule: Watch, state: State, observation: Observation, now: datetime
) -> tuple[State, list[Transition]]:
    """The state after this observation and the steps that led there."""
    if observation.retired:
        return _retired(rule, state, observation.settled)
    verdict = _judge(rule, state, observation)
    match state.phase:
        case "inactive" | "pending":
            if not observation.may_open:
                return _off_schedule(rule, state, verdict)
            return _waiting(rule, state, verdict, now, observation.silenced)
        case "open":
            return _open(rule, state, verdict, now, observation.silenced)
        case "quiet":
            return _quiet(rule, state, verdict)


def judgement(rule: Watch, reading: Reading) -> tuple[bool, Message]:
    """True where the condition holds by that reading alone, and why."""
    verdict = _judge(rule, INACTIVE, Observation(reading))
    return verdict.holds is True, _figure(rule, verdict)


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
    # An event that is open, or was resolved by hand, is over only past the recovery threshold.
    bound = rule.recovery if state.phase in ("open", "quiet") else rule.threshold
    firing = [one for one in _judged(rule, observation) if _holds(rule, one, bound)]
    if firing:
        worst = _worst(rule, firing[0], [one.value for one in firing if one.value is not None])
        return _Verdict(True, firing[0], worst)
    settled = observation.settled
    if settled.value is not None:
        return _Verdict(False, settled)
    if settled.compared is not None:
        # There is a figure, and nothing to compare it with.
        return _Verdict(None, settled)
    return _Verdict({"ignore": None, "alert": True, "resolve": False}[rule.no_data], settled)


def _judged(rule: Watch, observation: Observation) -> Iterator[Reading]:
    yield observation.settled
    if rule.may_fire_early:
        yield from observation.unsettled


def limit(reading: Reading) -> tuple[Condition, float] | None:
    """The end of what is usual that a reading is beyond, if it is."""
    value, compared = reading.value, reading.compared
    if value is None or compared is None:
        return None
    if compared.lower is not None and value < compared.lower:
        return "<", compared.lower
    if compared.upper is not None and value > compared.upper:
        return ">", compared.upper
    return None


def _holds(rule: Watch, reading: Reading, bound: float) -> bool:
    if rule.direction is not None:
        return limit(reading) is not None
    return reading.value is not None and _HOLDS[rule.condition](reading.value, bound)


def _worst(rule: Watch, reading: Reading, values: list[float]) -> float | None:
    """The value furthest past the threshold, or the end of what is usual that a reading is past."""
    if not values:
        return None
    beyond = limit(reading)
    match rule.condition if beyond is None else beyond[0]:
        case ">" | ">=":
            return max(values)
        case "<" | "<=":
            return min(values)
        case _:
            return max(values, key=lambda value: abs(value - rule.threshold))


def _retired(rule: Watch, state: State, reading: Reading) -> tuple[State, list[Transition]]:
    reason = reasons.retired(rule.retire)
    match state.phase:
        case "inactive":
            return state, []
        case "open":
            # Silence did not make the figure that this is about.
            seen = reading._replace(value=None)
            suppressed = state.notified_at is None
            return INACTIVE, [Transition("resolved", reason, seen, suppressed)]
    return INACTIVE, [Transition("inactive", reason, reading)]


def _off_schedule(rule: Watch, state: State, verdict: _Verdict) -> tuple[State, list[Transition]]:
    """Nothing opens, nor does it begin to hold."""
    if state.phase == "inactive":
        return state, []
    reason = reasons.off_schedule(_figure(rule, verdict))
    return INACTIVE, [Transition("inactive", reason, verdict.reading)]


def _waiting(
    rule: Watch, state: State, verdict: _Verdict, now: datetime, silenced: bool
) -> tuple[State, list[Transition]]:
    if verdict.holds is None:
        return state, []
    figure = _figure(rule, verdict)
    if not verdict.holds:
        if state.phase == "inactive":
            return state, []
        reason = reasons.too_short(figure, rule.hold)
        return INACTIVE, [Transition("inactive", reason, verdict.reading)]
    since = state.since if state.phase == "pending" and state.since else now
    if now - since >= timedelta(seconds=rule.hold):
        reason = reasons.for_long(figure, rule.hold)
        opened = Transition("opened", reason, verdict.reading, silenced)
        notified_at = None if silenced else now
        return State("open", since=now, notified_at=notified_at, peak=verdict.worst), [opened]
    if state.phase == "pending":
        return state, []
    begun = Transition("pending", reasons.begun(figure, rule.hold), verdict.reading)
    return State("pending", since=now), [begun]


def _open(
    rule: Watch, state: State, verdict: _Verdict, now: datetime, silenced: bool
) -> tuple[State, list[Transition]]:
    figure = _figure(rule, verdict, bound=rule.recovery)
    if verdict.holds is False:
        clear_since = state.clear_since or now
        if now - clear_since >= timedelta(seconds=rule.keep_firing):
            reason = reasons.for_long(figure, rule.keep_firing)
            # Who was notified of the beginning is notified of the end, also under a silence; nobody
            # is of the end of what they never heard of.
            suppressed = state.notified_at is None
            return INACTIVE, [Transition("resolved", reason, verdict.reading, suppressed)]
        state = msgspec.structs.replace(state, clear_since=clear_since)
    elif verdict.holds:
        known = [value for value in (state.peak, verdict.worst) if value is not None]
        state = msgspec.structs.replace(
            state, clear_since=None, peak=_worst(rule, verdict.reading, known)
        )
    if silenced or state.acknowledged or not _is_due(rule, state, now):
        return state, []
    again = Transition("repeated", reasons.still_open(figure), verdict.reading)
    return msgspec.structs.replace(state, notified_at=now), [again]


def _is_due(rule: Watch, state: State, now: datetime) -> bool:
    """True where people are to be notified that it is still open: again, or now that a silence is
    over.
    """
    if state.notified_at is None:
        return True
    return rule.repeat is not None and now - state.notified_at >= timedelta(seconds=rule.repeat)


def _quiet(rule: Watch, state: State, verdict: _Verdict) -> tuple[State, list[Transition]]:
    if verdict.holds is not False:
        return state, []
    reason = reasons.may_open_again(_figure(rule, verdict, bound=rule.recovery))
    return INACTIVE, [Transition("inactive", reason, verdict.reading)]


def _figure(rule: Watch, verdict: _Verdict, bound: float | None = None) -> Message:
    """The figure against the threshold, or that there is none."""
    reading = verdict.reading
    if reading.value is None:
        return reasons.no_data(rule, reading, verdict.holds)
    bound = rule.threshold if bound is None else bound
    if rule.direction is not None:
        return reasons.unusual(rule, reading, limit(reading))
    past = _HOLDS[rule.condition](reading.value, bound)
    return reasons.figure(rule, reading, bound, past=past)
