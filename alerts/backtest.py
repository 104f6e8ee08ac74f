"""What a rule would have done: the same decision over the buckets of the past.

The past is stepped through at the edges of the finest buckets there are, and at the
instants at which waiting alone changes a state.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.decision import (
    INACTIVE,
    Observation,
    Reading,
    State,
    Transition,
    next_deadline,
    next_state,
)
from alerts.figures import Bucket, bucket_end, bucket_start, figure, merged, periods
from alerts.memory import entry_of_row
from alerts.observe import (
    bucket_of_row,
    observe,
    read_buckets,
    read_figures,
    read_first_samples,
)
from alerts.rules import Rule
from alerts.selection import Group, Plan, RuleProblem, Source, StoredRule, plan_of, series_of_row
from sql.database import Pool, connection, run
from sql.durations import Calendar, Window
from sql.vocabulary import LEVELS, Level

_LENGTH: Mapping[Level, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
# Looking at one group at one instant takes about 10 µs.
MAX_LOOKS = 500_000
_ORDER: tuple[Level, ...] = ("minute", "hour", "day", "week", "month")
# The level below, from which a period that is not over can be judged.
_BELOW: Mapping[Level, Level] = {"hour": "minute", "day": "hour", "week": "day", "month": "day"}


@dataclass(slots=True)
class Episode:
    """One event that would have been; `resolved_at` is None where it would still be open."""

    group: Mapping[str, str | None]
    opened_at: datetime
    value: float | None
    window_start: datetime
    window_end: datetime
    reason: str
    unit: str | None = None
    peak_value: float | None = None
    resolved_at: datetime | None = None
    resolved_value: float | None = None
    resolved_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Backtest:
    """What would have happened from `since` to `until`, and what is seen at `until`."""

    since: datetime
    until: datetime
    plan: Plan
    episodes: Sequence[Episode]
    latest: Sequence[tuple[Group, Observation]]


class _Past(NamedTuple):
    """The buckets of one series, oldest first."""

    starts: list[datetime]
    ends: list[datetime]
    buckets: list[Bucket]


@dataclass(slots=True)
class _History:
    """Everything that is read of the past."""

    zone: ZoneInfo
    past: dict[int, _Past] = field(default_factory=dict)
    first_seen: dict[int, datetime] = field(default_factory=dict)
    latest: list[tuple[Group, Observation]] = field(default_factory=list)


async def backtest(
    pool: Pool, tenant: str, rule: Rule, days: int, now: datetime, zone: ZoneInfo
) -> Backtest:
    """When the rule would have opened and resolved in the last `days`.

    Raises:
        RuleProblem: it cannot be evaluated, or not in a few seconds.
    """
    since = now - timedelta(days=days)
    plan, history = await _read(pool, tenant, rule, since, now, zone)
    return await asyncio.to_thread(_replay, plan, history, since, now)


async def _read(
    pool: Pool, tenant: str, rule: Rule, since: datetime, now: datetime, zone: ZoneInfo
) -> tuple[Plan, _History]:
    metric = {"tenants": [tenant], "metrics": [rule.metric_name], "from_id": 0}
    history = _History(zone)
    async with connection(pool) as conn:
        catalogue = await run(conn, "alert_catalogue", metric)
        series = [series_of_row(row) for row in await run(conn, "alert_series", metric)]
        entry = entry_of_row(catalogue[0]) if catalogue else None
        plan = plan_of(StoredRule(0, tenant, 0, rule), entry, series)
        _check_looks(plan, now - since)
        history.first_seen = {one.series_id: one.created_at for one in series}
        frequencies = {one.series_id: one.frequency for one in series}
        await read_first_samples(conn, frequencies, history.first_seen)
        for source, ids in _sources(plan).items():
            start = _reach_back(plan.watch.window, source.level, since, zone)
            rows = await read_buckets(conn, source, ids, start, now)
            _remember(history, rows, source.level)
        figures = await read_figures(conn, [plan], history.first_seen, now, zone)
        history.latest = [(group, observe(plan, group, figures)) for group in plan.groups]
    return plan, history


def _check_looks(plan: Plan, duration: timedelta) -> None:
    looks = duration // _LENGTH[_finest(plan)] * len(plan.groups)
    if looks > MAX_LOOKS:
        raise RuleProblem(
            f"{duration.days} days of {len(plan.groups)} groups per {_finest(plan)} are "
            f"{looks:,} steps; a test takes at most {MAX_LOOKS:,}: use fewer days or groups"
        )


def _finest(plan: Plan) -> Level:
    levels = [source.level for source in _sources(plan)] or [_level_of(plan.watch.window)]
    return min(levels, key=_ORDER.index)


def _sources(plan: Plan) -> dict[Source, list[int]]:
    sources: dict[Source, list[int]] = {}
    for group in plan.groups:
        for source, ids in group.sources.items():
            sources.setdefault(_finer(plan, source), []).extend(ids)
    return sources


def _finer(plan: Plan, source: Source) -> Source:
    """Where a period may fire before it is over, the level below shows when."""
    below = _BELOW.get(source.level)
    if not isinstance(plan.watch.window, Calendar) or not plan.watch.may_fire_early:
        return source
    return Source(source.frequency, below) if below in LEVELS[source.frequency] else source


def _reach_back(window: Window, level: Level, since: datetime, zone: ZoneInfo) -> datetime:
    if isinstance(window, Calendar):
        return periods(window, since, zone).previous
    return bucket_start(since - timedelta(seconds=window.seconds), level, zone)


def _remember(history: _History, rows: Sequence[Mapping[str, Any]], level: Level) -> None:
    for row in sorted(rows, key=lambda row: row["bucket"]):
        past = history.past.setdefault(row["series_id"], _Past([], [], []))
        past.starts.append(row["bucket"])
        past.ends.append(bucket_end(row["bucket"], level, history.zone))
        past.buckets.append(bucket_of_row(row))


def _replay(plan: Plan, history: _History, since: datetime, until: datetime) -> Backtest:
    steps = list(_steps(_finest(plan), since, until, history.zone))
    episodes: list[Episode] = []
    for group in plan.groups:
        episodes += _episodes(plan, group, history, steps)
    episodes.sort(key=lambda episode: episode.opened_at)
    return Backtest(since, until, plan, episodes, history.latest)


def _level_of(window: Window) -> Level:
    return window.period if isinstance(window, Calendar) else "minute"


def _steps(level: Level, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The edges of the buckets after `since`, and `until`."""
    edge = bucket_end(bucket_start(since, level, zone), level, zone)
    while edge < until:
        yield edge
        edge = bucket_end(edge, level, zone)
    yield until


def _episodes(
    plan: Plan, group: Group, history: _History, steps: Sequence[datetime]
) -> list[Episode]:
    episodes: list[Episode] = []
    state = INACTIVE
    for step in steps:
        deadline = next_deadline(plan.watch, state)
        instants = [deadline, step] if deadline and deadline < step else [step]
        for now in instants:
            observation = _observe(plan, group, history, now)
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
            )
        )
    elif transition.change == "resolved":
        episodes[-1].resolved_at = now
        episodes[-1].resolved_value = reading.value
        episodes[-1].resolved_reason = transition.reason


def _observe(plan: Plan, group: Group, history: _History, now: datetime) -> Observation:
    window = plan.watch.window
    if isinstance(window, Calendar):
        around = periods(window, now, history.zone)
        settled = _reading(plan, group, history, around.previous, around.current)
        if not plan.watch.may_fire_early:
            return Observation(settled)
        return Observation(settled, _reading(plan, group, history, around.current, now))
    return Observation(_reading(plan, group, history, now - timedelta(seconds=window.seconds), now))


def _reading(
    plan: Plan, group: Group, history: _History, start: datetime, end: datetime
) -> Reading:
    found = []
    for ids in group.sources.values():
        for one in ids:
            if (past := history.past.get(one)) and (bucket := _within(past, start, end)):
                found.append(bucket)
    if found:
        return Reading(figure(plan.watch.aggregation, found), start, end, group.unit)
    existed = any(history.first_seen[one] < start for ids in group.sources.values() for one in ids)
    zero = 0.0 if plan.zero_when_silent and existed else None
    return Reading(zero, start, end, group.unit)


def _within(past: _Past, start: datetime, end: datetime) -> Bucket | None:
    """The buckets that are wholly between two instants, as one. The first may begin before
    `start`, as a trailing window is widened to whole buckets.
    """
    first = bisect_left(past.ends, start + timedelta(microseconds=1))
    last = bisect_left(past.ends, end + timedelta(microseconds=1))
    return merged(past.buckets[first:last]) if first < last else None
