"""Replaying a rule over the past: stepped through at the edges of the finest buckets there are, and
at the instants at which waiting alone changes a state. Pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.bands import (
    MONTH_DAYS,
    Band,
    beside,
    rarity_within,
)
from alerts.baselines import Stretch
from alerts.decision import (
    INACTIVE,
    Compared,
    Observation,
    Reading,
    State,
    Transition,
    next_deadline,
    next_state,
)
from alerts.expectation.projection import Ahead
from alerts.expectation.sensitivity import RARITIES
from alerts.figures import bucket_end, bucket_start, periods
from alerts.outlook import foreseen, so_far, whole_window
from alerts.past import History, finest_level
from alerts.past_bands import Walks, bands_of, walks_of
from alerts.past_figures import figure_of
from alerts.past_outlooks import aheads
from alerts.readings import baselines_of, changed, may_open
from alerts.selection import Group, Labels, Plan
from alerts.thresholds import threshold_within
from alerts.watch import Watch
from sql.durations import Calendar
from sql.messages import Message
from sql.vocabulary import Level


class Lessons(NamedTuple):
    """What a group is judged by: bands by the start of their period, and what was forecast by the
    end of what came so far.
    """

    bands: Mapping[datetime, Band]
    aheads: Mapping[datetime, Ahead]


@dataclass(slots=True)
class Episode:
    """One event that would have been; `resolved_at` is None where it would still be open."""

    group: Labels
    opened_at: datetime
    value: float | None
    window_start: datetime
    window_end: datetime
    reason: Message
    unit: str | None = None
    peak_value: float | None = None
    resolved_at: datetime | None = None
    resolved_value: float | None = None
    resolved_reason: Message | None = None
    compared: Compared | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """The events that would have been, the oldest first, and what each group was judged by."""

    episodes: Sequence[Episode]
    lessons: Mapping[str, Lessons]


def replayed(plan: Plan, history: History, since: datetime, until: datetime) -> Replay:
    """The rule over the past between two instants."""
    steps = steps_of(plan, since, until, history.zone)
    return _replay(plan, history, lessons_of(plan, history, since, until, steps), steps)


def lessons_of(
    plan: Plan, history: History, since: datetime, until: datetime, steps: Sequence[datetime]
) -> Mapping[str, Lessons]:
    """What each group is judged by at these steps."""
    if plan.watch.foresees:
        return _foreseen_at(plan, history, steps, until)
    walks = walks_of(plan, history, since, until)
    return _lessons(plan, walks, _rarity(plan, history, walks, since, until))


def with_threshold(
    plan: Plan, history: History, since: datetime, until: datetime, most: float
) -> float | None:
    """The threshold with which at most so many events would have opened; None where none says
    anything.
    """
    steps = steps_of(plan, since, until, history.zone)
    lessons = lessons_of(plan, history, since, until, steps)

    def opened(threshold: float) -> int:
        watch = plan.watch._replace(threshold=threshold, recovery=threshold)
        return len(_replay(replace(plan, watch=watch), history, lessons, steps).episodes)

    windows = {_judged(plan.watch, step, history.zone) for step in steps}
    readings = (
        _reading(plan, group, history, lessons[group.key], window).value
        for group in plan.groups
        for window in windows
    )
    values = [value for value in readings if value is not None]
    below = plan.watch.condition == "<"
    return threshold_within(values, below=below, most=most, opened=opened)


def with_lessons(
    plan: Plan, replay: Replay, group: Group, seen: Observation, at: datetime, zone: ZoneInfo
) -> Observation:
    """What is seen of a group at an instant, beside the band of its period or what is forecast."""
    watch, settled, compared = plan.watch, seen.settled, seen.settled.compared
    lessons = replay.lessons[group.key]
    if compared is None:
        return seen
    figure = settled._replace(value=compared.figure, compared=None)
    if watch.direction is not None:
        band = lessons.bands.get(settled.start)
        return seen._replace(settled=beside(watch, figure, band))
    if watch.foresees:
        came = so_far(watch, at, zone, watch.settle)
        figure = figure._replace(start=came.start, end=came.end)
        whole, ahead = whole_window(watch, came, zone), lessons.aheads.get(came.end)
        return seen._replace(settled=foreseen(watch, figure, whole, ahead))
    return seen


def rarity_kept(plan: Plan, history: History, since: datetime, until: datetime) -> float:
    """How rare what is told must be for the rule to have kept its budget of alerts."""
    return _rarity(plan, history, walks_of(plan, history, since, until), since, until)


def _rarity(plan: Plan, history: History, walks: Walks, since: datetime, until: datetime) -> float:
    budget = plan.watch.alerts_per_month
    if budget is None or not walks:
        return RARITIES[plan.watch.sensitivity] if walks else 0.0
    steps = steps_of(plan, since, until, history.zone)
    most = budget * max((until - since) / timedelta(days=MONTH_DAYS), 1.0)

    def opened(rarity: float) -> int:
        return len(_replay(plan, history, _lessons(plan, walks, rarity), steps).episodes)

    return rarity_within(most, opened)


def _replay(
    plan: Plan, history: History, lessons: Mapping[str, Lessons], steps: Sequence[datetime]
) -> Replay:
    episodes: list[Episode] = []
    for group in plan.groups:
        episodes += episodes_of(plan, group, history, steps, lessons[group.key])
    return Replay(sorted(episodes, key=lambda episode: episode.opened_at), lessons)


def _lessons(plan: Plan, walks: Walks, rarity: float) -> Mapping[str, Lessons]:
    return {
        group.key: Lessons(bands_of(walks.get(group.key, ()), rarity), {}) for group in plan.groups
    }


def _foreseen_at(
    plan: Plan, history: History, steps: Sequence[datetime], until: datetime
) -> Mapping[str, Lessons]:
    # What is seen last may be of a period before: the newest has not settled.
    looks = [*steps, until - timedelta(seconds=plan.watch.settle)]
    return {group.key: Lessons({}, aheads(plan, group, history, looks)) for group in plan.groups}


def steps_of(plan: Plan, since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """The edges of the buckets after `since`, those of the rule's hours, and `until`."""
    schedule = plan.watch.schedule
    edges = set(_edges(finest_level(plan), since, until, zone))
    if schedule is not None:
        edges.update(schedule.edges(since, until, zone))
    return [*sorted(edges), until]


def _edges(level: Level, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    edge = bucket_end(bucket_start(since, level, zone), level, zone)
    while edge < until:
        yield edge
        edge = bucket_end(edge, level, zone)


def episodes_of(
    plan: Plan, group: Group, history: History, steps: Sequence[datetime], lessons: Lessons
) -> list[Episode]:
    """The events of one group over these steps."""
    episodes: list[Episode] = []
    state = INACTIVE
    # The period before the current one is the same for every step within it.
    reading = lru_cache(maxsize=1)(partial(_reading, plan, group, history, lessons))
    for step in steps:
        deadline = next_deadline(plan.watch, state)
        instants = [deadline, step] if deadline and deadline < step else [step]
        for now in instants:
            observation = _observe(plan, group, history, now, reading)
            state, transitions = next_state(plan.watch, state, observation, now)
            for transition in transitions:
                _note(episodes, group, transition, state, now)
            if episodes and state.phase == "open":
                episodes[-1].peak_value = state.peak
    return episodes


def _note(
    episodes: list[Episode], group: Group, transition: Transition, state: State, now: datetime
) -> None:
    reading = transition.reading
    if transition.change == "opened":
        episodes.append(
            Episode(
                group.labels,
                now,
                reading.value,
                reading.start,
                reading.end,
                transition.reason,
                reading.unit,
                state.peak,
                compared=reading.compared,
            )
        )
    elif transition.change == "resolved":
        episodes[-1].resolved_at = now
        episodes[-1].resolved_value = reading.value
        episodes[-1].resolved_reason = transition.reason


def _observe(
    plan: Plan,
    group: Group,
    history: History,
    now: datetime,
    reading: Callable[[Stretch], Reading],
) -> Observation:
    watch, zone = plan.watch, history.zone
    judged = _judged(watch, now, zone)
    seen = Observation(
        reading(judged),
        retired=history.is_retired(group, now, watch.retire),
        may_open=may_open(watch, judged, now, zone),
    )
    if not isinstance(watch.window, Calendar) or not watch.may_fire_early or history.is_negative:
        return seen
    unsettled = figure_of(plan, group, history, Stretch(judged.end, now))
    return seen._replace(unsettled=(unsettled,))


def _judged(watch: Watch, now: datetime, zone: ZoneInfo) -> Stretch:
    window = watch.window
    if not isinstance(window, Calendar):
        return Stretch(now - timedelta(seconds=window.seconds), now)
    if watch.foresees:
        return so_far(watch, now, zone)
    around = periods(window, now, zone)
    return Stretch(around.previous, around.current)


def _reading(
    plan: Plan, group: Group, history: History, lessons: Lessons, window: Stretch
) -> Reading:
    found = figure_of(plan, group, history, window)
    if plan.watch.direction is not None:
        return beside(plan.watch, found, lessons.bands.get(window.start))
    if plan.watch.foresees:
        whole = whole_window(plan.watch, window, history.zone)
        return foreseen(plan.watch, found, whole, lessons.aheads.get(window.end))
    if plan.watch.compare is None:
        return found
    earlier = baselines_of(plan, group, window, history.zone)
    return changed(plan.watch, found, [figure_of(plan, group, history, one) for one in earlier])
