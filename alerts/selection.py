"""Which series a rule watches, in which groups, and in which rollups they are found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from alerts.decision import Watch
from alerts.rules import (
    LABELS,
    UNKNOWN,
    CatalogueEntry,
    Rule,
    aggregation_of,
    fits,
    window_of,
)
from sql.durations import Calendar, Window
from sql.vocabulary import LEVELS, Frequency, Level

# Trailing windows longer than this are put together from hours rather than minutes.
MINUTES_UP_TO = 6 * 3600

Labels = Mapping[str, str | None]


class RuleProblem(Exception):
    """A rule that cannot be evaluated, and why."""


class StoredRule(NamedTuple):
    """A rule as the database has it."""

    rule_id: int
    tenant: str
    version: int
    rule: Rule


class Series(NamedTuple):
    """A series and the labels that groups are made of."""

    series_id: int
    unit: str | None
    frequency: Frequency
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    dimensions: Mapping[str, str]
    created_at: datetime

    def label(self, name: str) -> str | None:
        """The label or dimension of that name."""
        if name in LABELS:
            value: str | None = getattr(self, name)
            return value
        return self.dimensions.get(name)


class Source(NamedTuple):
    """One rollup."""

    frequency: Frequency
    level: Level


class Group(NamedTuple):
    """The series of one value of `group_by`, by the rollup they are read from."""

    labels: Labels
    key: str
    unit: str | None
    sources: Mapping[Source, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about a rule that stays the same from tick to tick."""

    stored: StoredRule
    watch: Watch
    zero_when_silent: bool
    groups: Sequence[Group]


def plan_of(stored: StoredRule, entry: CatalogueEntry | None, series: Iterable[Series]) -> Plan:
    """How to evaluate a rule, given the series of its metric.

    Raises:
        RuleProblem: its series have several units, or none is as fine as the window.
    """
    watch = watch_of(stored.rule, entry)
    selected = [one for one in series if selects(stored.rule, one)]
    usable = [one for one in selected if fits(one.frequency, watch.window)]
    if selected and not usable:
        found = ", ".join(sorted({one.frequency for one in selected}))
        raise RuleProblem(
            f"{stored.rule.metric_name} is submitted {found}: there are no figures per "
            f"{watch.window}"
        )
    kind = (entry or UNKNOWN).kind
    zero = watch.aggregation == "count" or (kind == "flow" and watch.aggregation == "sum")
    return Plan(stored, watch, zero, groups_of(stored.rule, watch, usable))


def watch_of(rule: Rule, entry: CatalogueEntry | None) -> Watch:
    """The rule as the decision sees it."""
    recovery = rule.recovery_threshold
    return Watch(
        metric_name=rule.metric_name,
        aggregation=aggregation_of(rule, entry),
        window=window_of(rule, entry),
        condition=rule.condition,
        threshold=rule.threshold_value,
        recovery=rule.threshold_value if recovery is None else recovery,
        hold=rule.for_,
        keep_firing=rule.keep_firing_for,
        repeat=rule.repeat_interval,
        no_data=rule.no_data,
    )


def selects(rule: Rule, series: Series) -> bool:
    """Whether the rule's filters let the series through."""
    return (
        rule.service_name in (None, series.service_name)
        and rule.affiliate_id in (None, series.affiliate_id)
        and rule.region in (None, series.region)
    )


def groups_of(rule: Rule, watch: Watch, series: Sequence[Series]) -> list[Group]:
    """The groups the series fall into; an ungrouped rule has exactly one.

    Raises:
        RuleProblem: one of them has several units.
    """
    members: dict[tuple[str | None, ...], list[Series]] = {} if rule.group_by else {(): []}
    for one in series:
        members.setdefault(tuple(one.label(name) for name in rule.group_by), []).append(one)
    return [
        _group(dict(zip(rule.group_by, values, strict=True)), watch, those)
        for values, those in members.items()
    ]


def source_of(frequency: Frequency, window: Window) -> Source:
    """The rollup in which samples of that frequency are judged in that window."""
    if isinstance(window, Calendar):
        return Source(frequency, window.period)
    if frequency == "real_time" and window.seconds > MINUTES_UP_TO:
        return Source(frequency, "hour")
    return Source(frequency, LEVELS[frequency][0])


def labels_key(labels: Labels) -> str:
    """The labels as text: equal for equal labels."""
    return msgspec.json.encode(labels, order="sorted").decode()


def _group(labels: dict[str, str | None], watch: Watch, series: Sequence[Series]) -> Group:
    units = {one.unit for one in series}
    if len(units) > 1 and watch.aggregation != "count":
        names = ", ".join(sorted(unit or "(none)" for unit in units))
        raise RuleProblem(
            f"{watch.metric_name} has several units ({names}), which are never added up: group "
            "by unit"
        )
    sources: dict[Source, list[int]] = {}
    for one in series:
        sources.setdefault(source_of(one.frequency, watch.window), []).append(one.series_id)
    unit = units.pop() if len(units) == 1 and watch.aggregation != "count" else None
    return Group(labels, labels_key(labels), unit, sources)


def series_of_row(row: Mapping[str, Any]) -> Series:
    """The series of a row of ``alert_series``."""
    return Series(**{name: row[name] for name in Series._fields})
