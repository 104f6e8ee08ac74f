"""Rules as their list shows them."""

from collections.abc import Mapping
from typing import NamedTuple

from alerts.rules import CatalogueEntry, Rule, aggregation_of, unit_of, window_of


class Watch(NamedTuple):
    """What a rule looks at, where it leaves that open as its metric has it."""

    aggregation: str
    window: str
    unit: str | None


def watch_of(rule: Rule, entries: Mapping[str, CatalogueEntry]) -> Watch:
    """What a rule looks at, given the catalogue's entries by metric."""
    entry = entries.get(rule.metric_name)
    aggregation = aggregation_of(rule, entry)
    # What is counted has no unit.
    unit = unit_of(rule, entry) if aggregation != "count" else None
    return Watch(aggregation, str(window_of(rule, entry)), unit)
