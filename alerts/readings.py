"""Readings: from the buckets of windows to the value that a rule judges; the same for the loop and
for backtests, and pure.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.baselines import Stretch, change_of, expected, stretches
from alerts.decision import Compared, Reading
from alerts.figures import Bucket, figure
from alerts.selection import Group, Plan
from alerts.watch import Watch
from alerts.watched import PERCENT
from sql.durations import Calendar

# The buckets of a group in a window.
Find = Callable[[Stretch], Sequence[Bucket]]
# Whether the group has samples from before an instant.
Existed = Callable[[datetime], bool]


def reading_of(
    plan: Plan, group: Group, window: Stretch, found: Sequence[Bucket], existed: Existed
) -> Reading:
    """The figure of a window, of the buckets that were found in it."""
    watch = plan.watch
    if found:
        enough = not watch.min_samples or watch.min_samples <= sum(b.sample_count for b in found)
        value = figure(watch.aggregation, found) if enough else None
        return Reading(value, *window, group.unit)
    if plan.zero_when_silent and not watch.min_samples and existed(window.start):
        return Reading(0.0, *window, group.unit, silent=True)
    return Reading(None, *window, group.unit)


def baselines_of(plan: Plan, group: Group, window: Stretch, zone: ZoneInfo) -> Sequence[Stretch]:
    """The windows that this one is compared with, the furthest back first."""
    watch = plan.watch
    if watch.compare is None:
        return ()
    return stretches(watch.window, watch.compare, window, group.level, zone)


def changed(watch: Watch, reading: Reading, baselines: Sequence[Reading]) -> Reading:
    """The change of a figure from the baselines, the furthest back first."""
    unit = PERCENT if watch.change == "percent" else reading.unit
    if reading.value is None:
        return reading._replace(unit=unit)
    usual = expected(baselines)
    change = None if usual is None else change_of(reading.value, usual, watch.change)
    compared = Compared(reading.value, usual, reading.unit, watch.compare)
    return reading._replace(value=change, unit=unit, compared=compared)


def may_open(watch: Watch, window: Stretch, now: datetime, zone: ZoneInfo) -> bool:
    """True where the rule's hours include now and, of an hour that is over, its end."""
    schedule = watch.schedule
    if schedule is None:
        return True
    last = now
    if watch.window == Calendar("hour"):
        last = window.end - timedelta(microseconds=1)
    country = watch.country
    return schedule.includes(now, zone, country) and schedule.includes(last, zone, country)
