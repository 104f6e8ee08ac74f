"""Replaying a rule over the past: stepped through at the edges of the finest buckets there are, and
at the instants at which waiting alone changes a state. Pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from alerts.bands import (
    MONTH_DAYS,
    Band,
    Values,
    anchor,
    bands,
    beside,
    period_starts,
    rarity_within,
    values_between,
    walked,
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
from alerts.expectation.sensitivity import RARITIES
from alerts.figures import bucket_end, bucket_start, periods
from alerts.past import History, finest_level
from alerts.readings import baselines_of, changed, may_open, reading_of
from alerts.selection import Group, Labels, Plan
from sql.calendar import LongPeriod
from sql.durations import Calendar
from sql.messages import Message
from sql.vocabulary import Level

if TYPE_CHECKING:
    from alerts.expectation.expected import Expected

# The band of the period that starts at an instant, where one is known.
BandAt = Callable[[datetime], Band | None]


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
    """The events that would have been, the oldest first, and the bands by group and period."""

    episodes: Sequence[Episode]
    bands: Mapping[str, Mapping[datetime, Band]]


class Walk(NamedTuple):
    """What was expected of the periods of a group that start between two instants: `starts` are of
    all that it was made of.
    """

    starts: Sequence[datetime]
    expected: "Expected"
    judged: Stretch


Walks = Mapping[str, Sequence[Walk]]


def replayed(plan: Plan, history: History, since: datetime, until: datetime) -> Replay:
    """The rule over the past between two instants."""
    walks = walks_of(plan, history, since, until)
    rarity = _rarity(plan, history, walks, since, until)
    return _replay(plan, history, walks, rarity, steps_of(plan, since, until, history.zone))


def with_band(plan: Plan, replay: Replay, group: Group, seen: Observation) -> Observation:
    """What is seen of a group now, beside the band of its period."""
    settled, compared = seen.settled, seen.settled.compared
    if plan.watch.direction is None or compared is None:
        return seen
    figure = settled._replace(value=compared.figure, compared=None)
    band = replay.bands[group.key].get(settled.start)
    return seen._replace(settled=beside(plan.watch, figure, band))


def rarity_kept(plan: Plan, history: History, since: datetime, until: datetime) -> float:
    """How rare what is told must be for the rule to have kept its budget of alerts."""
    return _rarity(plan, history, walks_of(plan, history, since, until), since, until)


def walks_of(plan: Plan, history: History, since: datetime, until: datetime) -> Walks:
    """What was expected of the periods of each group, for rules that judge by it."""
    window = plan.watch.window
    if plan.watch.direction is None or not isinstance(window, Calendar):
        return {}
    first = periods(window, since, history.zone).previous
    return {
        group.key: list(_walks(plan, group, history, Stretch(first, until), window.period))
        for group in plan.groups
    }


def values_of(plan: Plan, group: Group, history: History, stretch: Stretch) -> Values:
    """The values of the periods that are wholly within a stretch."""
    window = plan.watch.window
    assert isinstance(window, Calendar)
    return values_between(
        *stretch,
        window.period,
        history.zone,
        lambda start, end: figure_of(plan, group, history, Stretch(start, end)).value,
    )


def _walks(
    plan: Plan, group: Group, history: History, judged: Stretch, period: LongPeriod
) -> Iterator[Walk]:
    """One for the periods of each month."""
    zone = history.zone
    starts = period_starts(judged.start, judged.end, period, zone)
    by_anchor: dict[datetime, list[datetime]] = {}
    for start in starts:
        by_anchor.setdefault(anchor(start, period, zone), []).append(start)
    for since, those in by_anchor.items():
        end = bucket_end(those[-1], period, zone)
        values = values_of(plan, group, history, Stretch(since, end))
        if (expected := walked(values, period, zone, plan.watch.country)) is not None:
            yield Walk(values.starts, expected, Stretch(those[0], end))


def _rarity(plan: Plan, history: History, walks: Walks, since: datetime, until: datetime) -> float:
    budget = plan.watch.alerts_per_month
    if budget is None or not walks:
        return RARITIES[plan.watch.sensitivity] if walks else 0.0
    steps = steps_of(plan, since, until, history.zone)
    most = budget * max((until - since) / timedelta(days=MONTH_DAYS), 1.0)

    def opened(rarity: float) -> int:
        return len(_replay(plan, history, walks, rarity, steps).episodes)

    return rarity_within(most, opened)


def _replay(
    plan: Plan, history: History, walks: Walks, rarity: float, steps: Sequence[datetime]
) -> Replay:
    known = {group.key: _bands(walks.get(group.key, ()), rarity) for group in plan.groups}
    episodes: list[Episode] = []
    for group in plan.groups:
        episodes += episodes_of(plan, group, history, steps, known[group.key].get)
    return Replay(sorted(episodes, key=lambda episode: episode.opened_at), known)


def _bands(walks: Sequence[Walk], rarity: float) -> dict[datetime, Band]:
    found: dict[datetime, Band] = {}
    for walk in walks:
        made = bands(walk.expected, walk.starts, rarity)
        start, end = walk.judged
        found |= {at: band for at, band in made.items() if start <= at < end}
    return found


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
    plan: Plan, group: Group, history: History, steps: Sequence[datetime], band: BandAt
) -> list[Episode]:
    """The events of one group over these steps."""
    episodes: list[Episode] = []
    state = INACTIVE
    # The period before the current one is the same for every step within it.
    reading = lru_cache(maxsize=1)(partial(_reading, plan, group, history, band))
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
    unsettled = figure_of(plan, group, history, Stretch(around.current, now))
    return Observation(settled, (unsettled,), retired=retired, may_open=opens)


def _reading(plan: Plan, group: Group, history: History, band: BandAt, window: Stretch) -> Reading:
    found = figure_of(plan, group, history, window)
    if plan.watch.direction is not None:
        return beside(plan.watch, found, band(window.start))
    if plan.watch.compare is None:
        return found
    earlier = baselines_of(plan, group, window, history.zone)
    return changed(plan.watch, found, [figure_of(plan, group, history, one) for one in earlier])


def figure_of(plan: Plan, group: Group, history: History, window: Stretch) -> Reading:
    """The figure of one window."""
    buckets = history.within(group, *window)
    return reading_of(plan, group, window, buckets, partial(history.existed, group))
