"""The past that a backtest replays: the buckets of every series of a rule."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerts.baselines import Stretch
from alerts.decision import Observation
from alerts.ended import Ends, may_end, read_ends
from alerts.errors import RuleProblem
from alerts.figures import Bucket, alive, bucket_end, merged
from alerts.observe import observe
from alerts.past_ranges import level_of, ranges, reach
from alerts.retirement import Retirement, place_of
from alerts.rollups import (
    bucket_of_row,
    has_negative,
    read_buckets,
    read_first_samples,
    read_last_buckets,
)
from alerts.rules import Rule
from alerts.selection import (
    COARSER,
    Group,
    Plan,
    Series,
    Source,
    StoredRule,
    entry_of_row,
    plan_of,
    series_of_row,
)
from alerts.timelines import Entry, Past, Timeline, timeline_of
from alerts.window_figures import read_figures
from sql.database import Connection, Pool, connection, run
from sql.durations import Calendar
from sql.messages import Message, Quantity, Term, Value
from sql.vocabulary import FREQUENCIES, LEVELS, Frequency, Level

_LENGTH: Mapping[Level, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
# Looking at one group at one instant takes about 10 µs.
MAX_LOOKS = 500_000
# Learning what is usual for a group takes about 150 ms.
MAX_PROFILES = 30
# A forecast takes about 30 ms; one is made a day.
MAX_FORECASTS = 150
# The level below, from which a period that is not over can be judged.
_BELOW: Mapping[Level, Level] = {"hour": "minute", "day": "hour", "week": "day", "month": "day"}


@dataclass(slots=True)
class History:
    """All that is read of the past since an instant. `last_before` is where the newest bucket
    begins that each series has within its time of retirement before that; `is_negative` where
    sums can shrink; `ending` are the keys of groups of which series may end while others go on, and
    `ends` when they were seen last, for windows of the calendar; `latest` what is seen at the end.
    """

    zone: ZoneInfo
    since: datetime
    past: dict[int, Past] = field(default_factory=dict)
    first_seen: dict[int, datetime] = field(default_factory=dict)
    last_before: dict[int, datetime] = field(default_factory=dict)
    is_negative: bool = False
    frequencies: dict[int, Frequency] = field(default_factory=dict)
    ends: Ends | None = None
    ending: set[str] = field(default_factory=set)
    latest: list[tuple[Group, Observation]] = field(default_factory=list)
    timelines: dict[str, Timeline] = field(default_factory=dict)

    def within(self, group: Group, start: datetime, end: datetime) -> list[Bucket]:
        """For each series that had not ended the buckets that are wholly between two instants, as
        one.
        """
        found = self._timeline(group).within(start, end)
        living = self._living(group, start, found) if group.key in self.ending else found
        return [
            merged([entry.bucket for entry in entries])
            for one, entries in found.items()
            if one in living
        ]

    def _timeline(self, group: Group) -> Timeline:
        """That of a group, made once: all is read by then."""
        if group.key not in self.timelines:
            pasts = {one: self.past[one] for one in _members(group) if one in self.past}
            self.timelines[group.key] = timeline_of(pasts)
        return self.timelines[group.key]

    def _living(
        self, group: Group, start: datetime, found: Mapping[int, Sequence[Entry]]
    ) -> Collection[int]:
        if self.ends:
            known = {one: self.frequencies[one] for one in _members(group)}
            return self.ends.living(start, known)
        last = {one: entries[-1].start for one, entries in found.items()}
        return alive(last, {one: self.frequencies[one] for one in found})

    def existed(self, group: Group, before: datetime) -> bool:
        """True where there were samples of the group before that instant."""
        return any(self.first_seen[one] < before for one in _members(group))

    def is_retired(self, group: Group, now: datetime, seconds: float) -> bool:
        """True where the group had no samples for so long."""
        if not self.existed(group, self.since) and not any(
            one in self.past for one in _members(group)
        ):
            return False
        last = max(filter(None, (self._last(one, now) for one in _members(group))), default=None)
        return last is None or last < now - timedelta(seconds=seconds)

    def _last(self, series: int, now: datetime) -> datetime | None:
        """The end of the series' newest bucket that begins before then."""
        past, before = self.past.get(series), self.last_before.get(series)
        number = bisect_right(past.starts, now) if past else 0
        last = past.ends[number - 1] if past and number else None
        return max(filter(None, (last, before)), default=None)


def _members(group: Group) -> list[int]:
    return [one for those in group.sources.values() for one in those]


async def read_history(
    pool: Pool,
    tenant: str,
    rule: Rule,
    stretch: Stretch,
    zone: ZoneInfo,
    country: str,
    replays: int = 1,
) -> tuple[Plan, History]:
    """The plan of a rule, and the past that it is judged by, to be replayed so many times.

    Raises:
        RuleProblem: it cannot be judged, or not in a few seconds.
    """
    metric = {"tenants": [tenant], "metrics": [rule.metric_name], "from_id": 0}
    since, now = stretch
    history = History(zone, since)
    async with connection(pool) as conn:
        catalogue = await run(conn, "alert_catalogue", metric)
        series = [series_of_row(row) for row in await run(conn, "alert_series", metric)]
        entry = entry_of_row(catalogue[0]) if catalogue else None
        plan = plan_of(StoredRule(0, tenant, 0, rule), entry, series, country)
        _check_looks(plan, now - since, replays)
        history.first_seen = {one.series_id: one.created_at for one in series}
        history.frequencies = {one.series_id: one.frequency for one in series}
        await read_first_samples(conn, history.frequencies, history.first_seen)
        await _read_ends(conn, plan, history, reach(plan, since, now, zone), now)
        history.is_negative = await _shrinks(conn, plan, series)
        for source, ids in _sources(plan).items():
            for start, end in ranges(plan, source.level, since, now, zone):
                rows = await read_buckets(conn, source, ids, start, end)
                _remember(history, rows, source.level)
            place, retired = place_of(source.frequency, plan.watch.retire, since, zone)
            history.last_before |= await read_last_buckets(conn, place, ids, retired, since)
        history.latest = await _latest(conn, plan, history, now)
    return plan, history


async def read_values(
    conn: Connection,
    plan: Plan,
    first_seen: dict[int, datetime],
    frequencies: Mapping[int, Frequency],
    stretch: Stretch,
    zone: ZoneInfo,
) -> History:
    """What the values of a rule's groups are made of between two instants."""
    history = History(zone, stretch.start, first_seen=first_seen)
    series = {one for group in plan.groups for one in _members(group)}
    history.frequencies = {one: frequencies[one] for one in series}
    await read_first_samples(conn, history.frequencies, first_seen)
    await _read_ends(conn, plan, history, stretch.start, stretch.end)
    for source, ids in _sources(plan).items():
        _remember(history, await read_buckets(conn, source, ids, *stretch), source.level)
    return history


async def _read_ends(
    conn: Connection, plan: Plan, history: History, since: datetime, now: datetime
) -> None:
    groups = [group for group in plan.groups if may_end(plan, group)]
    history.ending = {group.key for group in groups}
    window = plan.watch.window
    if not groups or plan.watch.foresees or not isinstance(window, Calendar):
        return
    series: dict[Frequency, list[int]] = {}
    for group in groups:
        for one in _members(group):
            series.setdefault(history.frequencies[one], []).append(one)
    history.ends = await read_ends(conn, window, series, since, now, history.zone)


async def _latest(
    conn: Connection, plan: Plan, history: History, now: datetime
) -> list[tuple[Group, Observation]]:
    figures = await read_figures(conn, [plan], history.first_seen, now, history.zone)
    if history.is_negative:
        figures.negative = {plan.metric}
    retirement = Retirement()
    await retirement.check(conn, [(plan, group) for group in plan.groups], now, history.zone)
    figures.retired = retirement.known(now)
    return [(group, observe(plan, group, figures)) for group in plan.groups]


async def _shrinks(conn: Connection, plan: Plan, series: Sequence[Series]) -> bool:
    if not plan.watch.may_fire_early or plan.watch.aggregation != "sum":
        return False
    for frequency in FREQUENCIES:
        ids = [one.series_id for one in series if one.frequency == frequency]
        if ids and await has_negative(conn, frequency, ids):
            return True
    return False


def _check_looks(plan: Plan, duration: timedelta, replays: int) -> None:
    most: dict[str, Value]
    if plan.watch.direction is not None and len(plan.groups) > MAX_PROFILES:
        most = {"groups": len(plan.groups), "most": MAX_PROFILES}
        raise RuleProblem(
            Message("there are {groups} groups; a test of what is unusual takes {most}", most)
        )
    if plan.watch.foresees and duration.days * len(plan.groups) > MAX_FORECASTS:
        most = {"groups": len(plan.groups), "days": duration.days, "most": MAX_FORECASTS}
        raise RuleProblem(
            Message(
                "{days} days of {groups} groups are as many forecasts; a test takes at most "
                "{most}: use fewer days or groups",
                most,
            )
        )
    level = finest_level(plan)
    looks = duration // _LENGTH[level] * len(plan.groups) * replays
    if looks > MAX_LOOKS:
        values: dict[str, Value] = {
            "days": duration.days,
            "groups": len(plan.groups),
            "level": Term(level),
            "steps": Quantity(looks),
            "most": Quantity(MAX_LOOKS),
        }
        raise RuleProblem(
            Message(
                "{days} days of {groups} groups per {level} are {steps} steps; a test takes at "
                "most {most}: use fewer days or groups",
                values,
            )
        )


def finest_level(plan: Plan) -> Level:
    """The level of the finest buckets that are replayed."""
    levels = [source.level for source in _sources(plan)] or [level_of(plan.watch.grain)]
    return min(levels, key=COARSER.index)


def _sources(plan: Plan) -> dict[Source, list[int]]:
    sources: dict[Source, list[int]] = {}
    for group in plan.groups:
        for source, ids in group.sources.items():
            sources.setdefault(_finer(plan, source), []).extend(ids)
    return sources


def _finer(plan: Plan, source: Source) -> Source:
    """The rollup of the level below where a period may fire before it is over, as it shows when;
    else `source`.
    """
    below = _BELOW.get(source.level)
    if not isinstance(plan.watch.window, Calendar) or not plan.watch.may_fire_early:
        return source
    return Source(source.frequency, below) if below in LEVELS[source.frequency] else source


def _remember(history: History, rows: Sequence[Mapping[str, Any]], level: Level) -> None:
    for row in sorted(rows, key=lambda row: row["bucket"]):
        past = history.past.setdefault(row["series_id"], Past([], [], []))
        past.starts.append(row["bucket"])
        past.ends.append(bucket_end(row["bucket"], level, history.zone))
        past.buckets.append(bucket_of_row(row))
