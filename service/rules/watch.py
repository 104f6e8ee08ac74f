"""Rules as their list shows them."""

from collections.abc import Mapping
from typing import NamedTuple

from alerts.rules import CatalogueEntry, Rule, aggregation_of, unit_of, window_of


class Watch(NamedTuple):
    """The figure that a rule watches, as its metric has it where the rule leaves it open."""

    aggregation: str
    window: str
    unit: str | None


def watch_of(rule: Rule, entries: Mapping[str, CatalogueEntry]) -> Watch:
    """The figure that a rule watches, given the catalogue's entries by metric."""
    entry = entries.get(rule.metric_name)
    aggregation = aggregation_of(rule, entry)
    # Counts have no unit.
    unit = unit_of(rule, entry) if aggregation != "count" else None
    return Watch(aggregation, str(window_of(rule, entry)), unit)
