"""The figures of the past, of the buckets that are kept of it."""

from functools import partial

from alerts.bands import Values, values_between
from alerts.baselines import Stretch
from alerts.decision import Reading
from alerts.past import History
from alerts.readings import reading_of
from alerts.selection import Group, Plan
from sql.durations import Calendar


def values_of(plan: Plan, group: Group, history: History, stretch: Stretch) -> Values:
    """The values of the periods that are wholly within a stretch."""
    grain = plan.watch.grain
    assert isinstance(grain, Calendar)
    return values_between(
        *stretch,
        grain.period,
        history.zone,
        lambda start, end: figure_of(plan, group, history, Stretch(start, end)).value,
    )


def figure_of(plan: Plan, group: Group, history: History, window: Stretch) -> Reading:
    """The figure of one window."""
    buckets = history.within(group, *window)
    return reading_of(plan, group, window, buckets, partial(history.existed, group))
