"""The figure and window that a rule watches, as the catalogue has what the rule leaves open."""

from collections.abc import Sequence
from typing import NamedTuple

from alerts.rules import Rule
from sql.durations import Calendar, Window, parse_window
from sql.vocabulary import LEVELS, SERVICE_HEALTH, Aggregation, Frequency, Kind

# The shortest window in which each frequency has something to say.
SHORTEST: dict[Frequency, int] = {
    "real_time": 60,
    "hourly": 3600,
    "daily": 86400,
    "monthly": 31 * 86400,
}
OWN_WINDOW: dict[Frequency, str] = {
    "real_time": "5m",
    "hourly": "hour",
    "daily": "day",
    "monthly": "month",
}
PERCENT = "percent"


class CatalogueEntry(NamedTuple):
    """The catalogue's entry of a metric."""

    kind: Kind = "ratio"
    default_aggregation: Aggregation = "avg"
    frequency: Frequency = "real_time"
    dimensions: Sequence[str] = ()
    unit: str | None = None
    is_derived: bool = False


# The entry of a metric that was never seen, until it is catalogued.
UNKNOWN = CatalogueEntry()


def aggregation_of(rule: Rule, entry: CatalogueEntry | None) -> Aggregation:
    """The aggregation the rule watches."""
    return rule.aggregation or (entry or UNKNOWN).default_aggregation


def unit_of(rule: Rule, entry: CatalogueEntry | None) -> str | None:
    """The unit the rule is about; None where it may be any: what is counted, what is grouped by
    unit, and a metric of which the catalogue knows none.
    """
    if rule.unit is not None:
        return rule.unit
    if "unit" in rule.group_by or aggregation_of(rule, entry) == "count":
        return None
    return (entry or UNKNOWN).unit


def judged_unit(rule: Rule, entry: CatalogueEntry | None) -> str | None:
    """The unit of what is compared with the threshold; what is counted has none."""
    if rule.change == "percent":
        return PERCENT
    return None if aggregation_of(rule, entry) == "count" else unit_of(rule, entry)


def window_of(rule: Rule, entry: CatalogueEntry | None) -> Window:
    """The window the rule watches."""
    frequency = (entry or UNKNOWN).frequency
    if rule.window is None and rule.type == "forecast":
        return Calendar("month")
    if rule.window is None and rule.type == "anomaly" and frequency == "real_time":
        return Calendar("hour")
    return parse_window(rule.window or OWN_WINDOW[frequency])


def fits(frequency: Frequency, window: Window) -> bool:
    """True where samples of that frequency can be judged in windows so short."""
    if isinstance(window, Calendar):
        return window.period in LEVELS[frequency]
    return window.seconds >= SHORTEST[frequency]


def is_of_health(rule: Rule, entry: CatalogueEntry | None) -> bool:
    """True of rules on what services report of themselves; false where the metric of that name is
    another.
    """
    if rule.metric_name != SERVICE_HEALTH or entry is None:
        return rule.metric_name == SERVICE_HEALTH
    return (entry.kind, entry.frequency, entry.unit) == ("stock", "real_time", None)


def grouping_of(rule: Rule, entry: CatalogueEntry | None) -> Sequence[str]:
    """The labels of which each value is judged by itself: the health of services always is."""
    if not rule.group_by and is_of_health(rule, entry):
        return ("service_name",)
    return rule.group_by
