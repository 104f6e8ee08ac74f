"""Backtests: what a rule would have done, by the same decision over the buckets of the past.

The past is stepped through at the edges of the finest buckets there are, and at the
instants at which waiting alone changes a state.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

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
from alerts.figures import bucket_end, bucket_start, periods
from alerts.past import History, finest_level, read_history
from alerts.readings import baselines_of, changed, may_open, reading_of
from alerts.registry import check_rule
from alerts.rules import Rule
from alerts.selection import Group, Labels, Plan
from sql.database import Pool
from sql.durations import Calendar
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import Level


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
class Backtest:
    """The events that would have been from `since` to `until`, and what is seen at `until`."""

    since: datetime
    until: datetime
    plan: Plan
    episodes: Sequence[Episode]
    latest: Sequence[tuple[Group, Observation]]


class Sighting(NamedTuple):
    """The reading of a group, and whether the rule's condition holds."""

    group: Group
    reading: Reading
    is_firing: bool


class Backtests:
    """Makes backtests, so many at once: each takes a core for up to 5 s, and whoever reads
    metrics may ask for one.
    """

    def __init__(self, pool: Pool, zone: ZoneInfo, at_once: int) -> None:
        self._pool = pool
        self._zone = zone
        self._places = asyncio.Semaphore(at_once)

    async def run(self, scope: Scope, rule: Rule, days: int, now: datetime) -> Backtest:
        """The backtest over the last `days`, once it is its turn.

        Raises:
            Forbidden: the rule is of another service than the caller's.
            Invalid: it does not fit the catalogue.
            RuleProblem: it cannot be judged, or not in a few seconds.
        """
        await check_rule(self._pool, scope, rule)
        async with self._places:
            return await backtest(self._pool, scope, rule, days, now, self._zone)


async def backtest(
    pool: Pool, scope: Scope, rule: Rule, days: int, now: datetime, zone: ZoneInfo
) -> Backtest:
    """When the rule would have opened and resolved in the last `days`.

    Raises:
        RuleProblem: it cannot be judged, or not in a few seconds.
    """
    since = now - timedelta(days=days)
    plan, history = await read_history(pool, scope.tenant, rule, since, now, zone)
    return await asyncio.to_thread(_replay, plan, history, since, now)


def sightings(result: Backtest) -> Iterator[Sighting]:
    """The readings at the end of the backtest, without waiting for how long they hold."""
    watch = result.plan.watch._replace(hold=0.0)
    for group, observation in result.latest:
        state, transitions = next_state(watch, INACTIVE, observation, result.until)
        reading = transitions[0].reading if transitions else observation.settled
        yield Sighting(group, reading, state.phase == "open")


def _replay(plan: Plan, history: History, since: datetime, until: datetime) -> Backtest:
    steps = _steps(plan, since, until, history.zone)
    episodes: list[Episode] = []
    for group in plan.groups:
        episodes += _episodes(plan, group, history, steps)
    episodes.sort(key=lambda episode: episode.opened_at)
    return Backtest(since, until, plan, episodes, history.latest)


def _steps(plan: Plan, since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
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


def _episodes(
    plan: Plan, group: Group, history: History, steps: Sequence[datetime]
) -> list[Episode]:
    episodes: list[Episode] = []
    state = INACTIVE
    # The period before the current one is the same for every step within it.
    reading = lru_cache(maxsize=1)(partial(_reading, plan, group, history))
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
    retired = history.is_retired(group, now, watch.retire)
    window = watch.window
    if not isinstance(window, Calendar):
        judged = Stretch(now - timedelta(seconds=window.seconds), now)
        opens = may_open(watch, judged, now, zone)
        return Observation(reading(judged), retired=retired, may_open=opens)
    around = periods(window, now, zone)
    judged = Stretch(around.previous, around.current)
    opens = may_open(watch, judged, now, zone)
    settled = reading(judged)
    if not watch.may_fire_early or history.is_negative:
        return Observation(settled, retired=retired, may_open=opens)
    unsettled = _figure(plan, group, history, Stretch(around.current, now))
    return Observation(settled, (unsettled,), retired=retired, may_open=opens)


def _reading(plan: Plan, group: Group, history: History, window: Stretch) -> Reading:
    found = _figure(plan, group, history, window)
    if plan.watch.compare is None:
        return found
    earlier = baselines_of(plan, group, window, history.zone)
    return changed(plan.watch, found, [_figure(plan, group, history, one) for one in earlier])


def _figure(plan: Plan, group: Group, history: History, window: Stretch) -> Reading:
    buckets = history.within(group, *window)
    return reading_of(plan, group, window, buckets, partial(history.existed, group))
