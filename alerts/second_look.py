"""A second look at an event: the window that it was decided by, with its figures as they are now.

Nothing is looked at that came to be after the event opened: of a period that was not over then, and
of a trailing window, the samples up to that instant; of what is usual, what the event has of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.bands import Band
from alerts.decision import Observation, Reading
from alerts.figures import bucket_end, bucket_start
from alerts.keeping import Keeping
from alerts.observe import observe
from alerts.rollups import Piece, bucket_of_row, read_first_samples, read_pieces
from alerts.rules import Rule
from alerts.selection import (
    Group,
    Plan,
    Source,
    StoredRule,
    entry_of_row,
    labels_key,
    plan_of,
    series_of_row,
)
from alerts.watch import Watch
from alerts.window_figures import BandOf, Figures, read_figures, window_key
from sql.database import Connection, run
from sql.durations import Calendar
from sql.vocabulary import LEVELS, Level

# At so many instants it is looked whether the condition held for as long as it had to.
_LOOKS = 12


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The instant at which it is looked again, the business time zone, the country whose holidays
    count, and how long figures are kept.
    """

    now: datetime
    zone: ZoneInfo
    country: str
    keeping: Keeping


class SecondLook(NamedTuple):
    """What the event's own window is now, whether that is all of a period, and what there was while
    the condition had to hold before it opened.
    """

    watch: Watch
    reading: Reading
    is_whole: bool
    before: Sequence[Observation]


async def look_again(
    conn: Connection, event: Mapping[str, Any], rule: Rule, around: Surroundings
) -> SecondLook | None:
    """None where nothing can be said any more: its metric or all series of its group are gone, or
    figures of its windows are not kept any more.

    Raises:
        RuleProblem: the rule cannot be judged at present.
    """
    plan, first_seen = await _plan(conn, event, rule, around)
    if plan is None:
        return None
    group, opened_at = plan.groups[0], event["opened_at"]
    since = opened_at - timedelta(seconds=plan.watch.hold)
    first = min(since, event["window_start"])
    figures = await _figures(conn, plan, first_seen, opened_at, event, around.zone)
    if not _is_kept(plan, group, figures, first, around):
        return None
    observation = observe(plan, group, figures)
    readings = [observation.settled, *observation.unsettled]
    own = next((one for one in readings if one.start == event["window_start"]), None)
    if own is None:
        return None
    before = [
        observe(plan, group, await _figures(conn, plan, first_seen, at, event, around.zone))
        for at in _instants(plan.watch, since, opened_at)
    ]
    return SecondLook(plan.watch, own, own is observation.settled, before)


async def _plan(
    conn: Connection, event: Mapping[str, Any], rule: Rule, around: Surroundings
) -> tuple[Plan | None, dict[int, datetime]]:
    """The plan of the event's own group, and since when there are samples of its series."""
    metric = {"tenants": [event["tenant"]], "metrics": [event["metric_name"]], "from_id": 0}
    catalogue = await run(conn, "alert_catalogue", metric)
    series = [series_of_row(row) for row in await run(conn, "alert_series", metric)]
    if not catalogue:
        return None, {}
    stored = StoredRule(event["rule_id"] or 0, event["tenant"], 0, rule)
    plan = plan_of(stored, entry_of_row(catalogue[0]), series, around.country)
    key = labels_key(event["group_labels"])
    groups = [group for group in plan.groups if group.key == key and group.sources]
    first_seen = {one.series_id: one.created_at for one in series}
    await read_first_samples(conn, {one.series_id: one.frequency for one in series}, first_seen)
    if not groups:
        return None, first_seen
    return Plan(stored, plan.watch, plan.zero_when_silent, groups[:1]), first_seen


async def _figures(
    conn: Connection,
    plan: Plan,
    first_seen: dict[int, datetime],
    at: datetime,
    event: Mapping[str, Any],
    zone: ZoneInfo,
) -> Figures:
    """Those of the plan as the loop reads them at an instant, without what came to be later."""
    figures = await read_figures(conn, [plan], first_seen, at, zone)
    figures.band = _band_of(event)
    group, window = plan.groups[0], plan.watch.window
    if isinstance(window, Calendar) and not plan.watch.may_fire_early:
        return figures
    for source, series in group.sources.items():
        if isinstance(window, Calendar):
            edges = figures.periods(window, plan.watch.settle)
            since = edges.edges[-2]
            key = window_key(plan, source, figures, since)
        else:
            since = figures.trail(window, source).since
            key = window_key(plan, source, figures, at - timedelta(seconds=window.seconds))
        pieces = pieces_up_to(source, since, at, zone)
        rows = await read_pieces(conn, source.frequency, pieces, series) if pieces else []
        figures.buckets[key] = {row["series_id"]: bucket_of_row(row) for row in rows}
    return figures


def _band_of(event: Mapping[str, Any]) -> BandOf:
    """What was usual for the event's own window, as it has that."""
    compared = event["compared"]

    def band(_rule_id: int, _group: Group, start: datetime) -> Band | None:
        if compared is None or compared["expected"] is None or start != event["window_start"]:
            return None
        return Band(compared["expected"], compared["lower"], compared["upper"])

    return band


def _is_kept(
    plan: Plan, group: Group, figures: Figures, first: datetime, around: Surroundings
) -> bool:
    earlier = [one.start for one in figures.baselines(plan.watch, group.level)]
    is_cut = not isinstance(plan.watch.window, Calendar) or plan.watch.may_fire_early
    keeping, now = around.keeping, around.now
    return all(
        keeping.has_buckets(source, min([first, *earlier]), now)
        and (not is_cut or keeping.has_samples(source.frequency, first, now))
        for source in group.sources
    )


def _instants(watch: Watch, since: datetime, opened_at: datetime) -> list[datetime]:
    """Some instants at which the condition had to hold already; what was usual then is not kept."""
    if not watch.hold or watch.direction is not None:
        return []
    return [since + (opened_at - since) * number / _LOOKS for number in range(_LOOKS)]


def pieces_up_to(source: Source, since: datetime, until: datetime, zone: ZoneInfo) -> list[Piece]:
    """A window up to an instant: by the coarsest buckets that are within it, and samples at its
    ends.
    """
    levels = LEVELS[source.frequency]
    finer = [one for one in levels[: levels.index(source.level)] if one != "week"]
    return _pieces([source.level, *reversed(finer)], since, until, zone)


def _pieces(
    levels: Sequence[Level], since: datetime, until: datetime, zone: ZoneInfo
) -> list[Piece]:
    if since >= until:
        return []
    if not levels:
        return [Piece(None, since, until)]
    level, *finer = levels
    start, last = bucket_start(since, level, zone), bucket_start(until, level, zone)
    first = start if start == since else bucket_end(start, level, zone)
    if first >= last:
        return _pieces(finer, since, until, zone)
    return [
        *_pieces(finer, since, first, zone),
        Piece(level, first, last),
        *_pieces(finer, last, until, zone),
    ]
