"""Which series a rule watches, in which groups, and in which rollups they are found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, get_args

import msgspec

from alerts.errors import RuleProblem
from alerts.rules import Rule
from alerts.watch import Watch
from alerts.watched import (
    UNKNOWN,
    CatalogueEntry,
    aggregation_of,
    fits,
    grouping_of,
    is_of_health,
    unit_of,
    window_of,
)
from sql.durations import Calendar, Window
from sql.messages import Listing, Message, Term, Value, terms
from sql.vocabulary import FREQUENCIES, GROUPABLE, LEVELS, NONE, Frequency, Level

COARSER: tuple[Level, ...] = get_args(Level)
# Trailing windows longer than this are put together from hours rather than minutes.
MINUTES_UP_TO = 6 * 3600

Labels = Mapping[str, str | None]


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
        if name in GROUPABLE:
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

    @property
    def level(self) -> Level:
        """The coarsest level of its rollups."""
        levels = [source.level for source in self.sources] or ["minute"]
        return max(levels, key=COARSER.index)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about a rule that stays the same from tick to tick. `troubles` are why some of its
    groups cannot be judged.
    """

    stored: StoredRule
    watch: Watch
    zero_when_silent: bool
    groups: Sequence[Group]
    troubles: Sequence[Message] = ()

    @property
    def metric(self) -> tuple[str, str]:
        """Tenant and name."""
        return self.stored.tenant, self.stored.rule.metric_name


def plan_of(
    stored: StoredRule,
    entry: CatalogueEntry | None,
    series: Iterable[Series],
    country: str = "",
) -> Plan:
    """The plan to evaluate a rule, given the series of its metric and whose holidays count.

    Raises:
        RuleProblem: its series have several units, or none is as fine as the window.
    """
    rule = stored.rule
    watch = watch_of(rule, entry)._replace(country=country)
    selected = _of_its_unit([one for one in series if selects(rule, one)], rule, entry)
    usable = [one for one in selected if fits(one.frequency, watch.grain)]
    if selected and not usable:
        found = {one.frequency for one in selected}
        values: dict[str, Value] = {
            "metric": rule.metric_name,
            "frequencies": terms([one for one in FREQUENCIES if one in found]),
            "window": Term(str(watch.grain)),
        }
        raise RuleProblem(
            Message(
                "{metric} is submitted {frequencies}: there are no figures per {window}", values
            )
        )
    kind = (entry or UNKNOWN).kind
    zero = watch.aggregation == "count" or (kind == "flow" and watch.aggregation == "sum")
    zero = zero or is_of_health(rule, entry)
    groups, troubles = groups_of(watch, usable, grouping_of(rule, entry))
    return Plan(stored, watch, zero, groups, troubles)


def _of_its_unit(series: list[Series], rule: Rule, entry: CatalogueEntry | None) -> list[Series]:
    """Those of the unit that the rule is about.

    Raises:
        RuleProblem: there are some, and none of it.
    """
    unit = unit_of(rule, entry)
    if unit is None:
        return series
    # Where no sample says its unit, all are taken for what the catalogue says.
    unsaid = rule.unit is None and all(one.unit is None for one in series)
    its = [one for one in series if unsaid or passes(unit, one.unit)]
    if series and not its:
        units = sorted({one.unit or NONE for one in series})
        values: dict[str, Value] = {
            "metric": rule.metric_name,
            "unit": unit,
            "units": Listing(tuple(units)),
        }
        raise RuleProblem(
            Message(
                "there are no samples of {metric} in {unit}, only in {units}: give the rule a unit",
                values,
            )
        )
    return its


def watch_of(rule: Rule, entry: CatalogueEntry | None) -> Watch:
    """The rule as the decision sees it."""
    threshold = rule.threshold_value or 0.0
    recovery = rule.recovery_threshold
    return Watch(
        metric_name=rule.metric_name,
        aggregation=aggregation_of(rule, entry),
        window=window_of(rule, entry),
        condition=rule.condition or "!=",
        threshold=threshold,
        recovery=threshold if recovery is None else recovery,
        hold=rule.for_,
        keep_firing=rule.keep_firing_for,
        repeat=rule.repeat_interval,
        no_data=rule.no_data,
        settle=rule.settle,
        retire=rule.retire_after,
        compare=rule.compare,
        direction=rule.direction,
        sensitivity=rule.sensitivity or "medium",
        alerts_per_month=rule.alerts_per_month,
        change=rule.change or "percent",
        foresees=rule.type == "forecast",
        min_samples=rule.min_samples,
        schedule=rule.schedule,
    )


def selects(rule: Rule, series: Series) -> bool:
    """True where the rule's filters let the series through."""
    return (
        passes(rule.service_name, series.service_name)
        and passes(rule.affiliate_id, series.affiliate_id)
        and passes(rule.region, series.region)
        and all(passes(value, series.dimensions.get(name)) for name, value in rule.filters.items())
    )


def passes(wanted: str | None, label: str | None) -> bool:
    """True where a label is the one that a filter wants; ``(none)`` is that there is none."""
    return wanted is None or wanted == (NONE if label is None else label)


def groups_of(
    watch: Watch, series: Sequence[Series], group_by: Sequence[str]
) -> tuple[list[Group], list[Message]]:
    """The groups the series fall into, and why others cannot be judged; an ungrouped rule has
    exactly one.

    Raises:
        RuleProblem: that one has several units.
    """
    members: dict[tuple[str | None, ...], list[Series]] = {} if group_by else {(): []}
    for one in series:
        members.setdefault(tuple(one.label(name) for name in group_by), []).append(one)
    groups: list[Group] = []
    troubles: list[Message] = []
    for values, those in members.items():
        labels = dict(zip(group_by, values, strict=True))
        try:
            groups.append(_group(labels, watch, those))
        except RuleProblem as problem:
            if not group_by:
                raise
            troubles.append(about_group(labels, problem.reason))
    return groups, troubles


def about_group(labels: Labels, reason: Message) -> Message:
    """The trouble of one group of several."""
    if not labels:
        return reason
    said = ", ".join(f"{name} {label or NONE}" for name, label in labels.items())
    return Message("{group}: {reason}", {"group": said, "reason": reason})


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
        names = Listing(tuple(sorted(unit or NONE for unit in units)))
        raise RuleProblem(
            Message(
                "{metric} has several units ({units}), which are never added up: group by unit",
                {"metric": watch.metric_name, "units": names},
            )
        )
    sources: dict[Source, list[int]] = {}
    for one in series:
        sources.setdefault(source_of(one.frequency, watch.grain), []).append(one.series_id)
    unit = units.pop() if len(units) == 1 and watch.aggregation != "count" else None
    return Group(labels, labels_key(labels), unit, sources)


def series_of_row(row: Mapping[str, Any]) -> Series:
    """The series of a row of ``alert_series``."""
    return Series(**{name: row[name] for name in Series._fields})


def entry_of_row(row: Mapping[str, Any]) -> CatalogueEntry:
    """The entry of a row of ``alert_catalogue``."""
    return CatalogueEntry(
        row["kind"],
        row["default_aggregation"],
        row["frequency"],
        tuple(row["dimensions"]),
        row["unit"],
        row["is_derived"],
    )
