"""The stretches of the past that a backtest reads; pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.bands import anchor
from alerts.baselines import Stretch, stretches
from alerts.figures import bucket_start, periods
from alerts.outlook import history_before, origin_of, so_far
from alerts.selection import COARSER, Plan
from sql.durations import Calendar, Window
from sql.vocabulary import Level


def level_of(window: Window) -> Level:
    """That of the buckets of a window without series."""
    return window.period if isinstance(window, Calendar) else "minute"


def reach(plan: Plan, since: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """The first instant that anything is read of."""
    return ranges(plan, level_of(plan.watch.grain), since, now, zone)[0].start


def ranges(
    plan: Plan, level: Level, since: datetime, now: datetime, zone: ZoneInfo
) -> list[Stretch]:
    """What is judged since then, and what that is compared with: the furthest back first, none
    overlapping.
    """
    watch, window = plan.watch, plan.watch.window
    if watch.foresees:
        origin = origin_of(watch, so_far(watch, since, zone).end, zone)
        return [Stretch(history_before(watch, origin, zone), now)]
    first = _first_window(window, since, zone)
    if watch.direction is not None and isinstance(window, Calendar):
        return [Stretch(anchor(first.start, window.period, zone), now)]
    judged = Stretch(bucket_start(first.start, level, zone), now)
    if watch.compare is None:
        return [judged]
    found: list[Stretch] = []
    for earlier in stretches(window, watch.compare, first, _coarsest(plan), zone):
        start = bucket_start(earlier.start, level, zone)
        # Some days more: clocks are put forward, and months differ.
        end = min(start + (now - first.start) + timedelta(days=3), judged.start)
        _join(found, Stretch(start, end))
    _join(found, judged)
    return found


def _coarsest(plan: Plan) -> Level:
    return max((group.level for group in plan.groups), key=COARSER.index, default="minute")


def _join(found: list[Stretch], further: Stretch) -> None:
    """Add a range that does not begin before the others do."""
    if found and further.start <= found[-1].end:
        further = Stretch(found[-1].start, max(found[-1].end, further.end))
        found.pop()
    found.append(further)


def _first_window(window: Window, since: datetime, zone: ZoneInfo) -> Stretch:
    if isinstance(window, Calendar):
        around = periods(window, since, zone)
        return Stretch(around.previous, around.current)
    return Stretch(since - timedelta(seconds=window.seconds), since)
