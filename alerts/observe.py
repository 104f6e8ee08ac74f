"""Observations: from the figures that were read to what a rule is judged by."""

from datetime import datetime
from typing import NamedTuple

from alerts.announce import is_silenced
from alerts.bands import beside
from alerts.baselines import Stretch
from alerts.decision import Observation, Reading
from alerts.errors import RuleProblem
from alerts.outlook import foreseen, whole_window
from alerts.readings import changed, may_open, reading_of
from alerts.selection import Group, Plan
from alerts.window_figures import Figures, window_key
from alerts.window_spans import baseline_span, key_of
from sql.durations import Calendar
from sql.messages import Message


def observe(plan: Plan, group: Group, figures: Figures) -> Observation:
    """The observation of one group.

    Raises:
        RuleProblem: one of its series could not be read.
    """
    if figures.failed:
        _check(group, figures)
    settled, unsettled = _readings(plan, group, figures)
    silenced = bool(figures.silences) and _is_silenced(plan, group, figures)
    retired = False
    if not (settled.has_samples or any(one.has_samples for one in unsettled)):
        key = plan.stored.rule_id, group.key
        retired = figures.retired.get(key, False)
        if key not in figures.retired:
            figures.unchecked[key] = plan, group
    judged = figures.judged(plan.watch)
    return Observation(
        settled.reading,
        tuple(one.reading for one in unsettled),
        silenced,
        retired,
        may_open(plan.watch, judged, figures.now, figures.zone),
    )


class _Seen(NamedTuple):
    """A reading, and whether there are samples behind it."""

    reading: Reading
    has_samples: bool


def _readings(plan: Plan, group: Group, figures: Figures) -> tuple[_Seen, list[_Seen]]:
    """The settled window, and those since that may fire early."""
    watch = plan.watch
    settled = _reading(plan, group, figures, figures.judged(watch))
    if watch.compare is not None:
        earlier = [
            _reading(plan, group, figures, one, is_baseline=True).reading
            for one in figures.baselines(watch, group.level)
        ]
        settled = settled._replace(reading=changed(watch, settled.reading, earlier))
    if watch.foresees:
        return settled._replace(reading=_foreseen(plan, group, figures, settled.reading)), []
    if watch.direction is not None:
        start = settled.reading.start
        band = figures.band(plan.stored.rule_id, group, start)
        return settled._replace(reading=beside(watch, settled.reading, band)), []
    if not isinstance(watch.window, Calendar):
        return settled, []
    if not watch.may_fire_early or plan.metric in figures.negative:
        return settled, []
    return settled, [
        _reading(plan, group, figures, Stretch(start, min(figures.now, end)))
        for start, end in figures.periods(watch.window, watch.settle).unsettled
    ]


def _foreseen(plan: Plan, group: Group, figures: Figures, reading: Reading) -> Reading:
    came = figures.so_far(plan.watch)
    ahead = figures.ahead(plan.stored.rule_id, group, came)
    return foreseen(plan.watch, reading, whole_window(plan.watch, came, figures.zone), ahead)


def _reading(
    plan: Plan, group: Group, figures: Figures, window: Stretch, *, is_baseline: bool = False
) -> _Seen:
    """The figure of a window."""
    found = []
    living = figures.living.get((plan.stored.rule_id, group.key, window.start))
    for source, series in group.sources.items():
        key = (
            key_of(baseline_span(plan.watch.window, source, window, figures.zone))
            if is_baseline
            else window_key(plan, source, figures, window.start)
        )
        if known := figures.buckets.get(key):
            those = series if living is None else [one for one in series if one in living]
            found += [known[one] for one in those if one in known]
    reading = reading_of(plan, group, window, found, lambda start: _existed(group, figures, start))
    return _Seen(reading, bool(found))


def _is_silenced(plan: Plan, group: Group, figures: Figures) -> bool:
    rule = plan.stored.rule
    event = {
        "tenant": plan.stored.tenant,
        "rule_id": plan.stored.rule_id,
        "metric_name": rule.metric_name,
        "severity": rule.severity,
        "group_labels": group.labels,
    }
    return is_silenced(event, rule, figures.silences)


def _existed(group: Group, figures: Figures, before: datetime) -> bool:
    """True where any series of the group has samples from before that instant."""
    series = [one for those in group.sources.values() for one in those]
    if any(figures.first_seen[one] < before for one in series):
        return True
    figures.unsure.update(series)
    return False


def _check(group: Group, figures: Figures) -> None:
    for source, series in group.sources.items():
        for one in series:
            if reason := figures.failed.get((source, one)):
                raise RuleProblem(
                    Message("its figures cannot be read: {reason}", {"reason": reason})
                )
