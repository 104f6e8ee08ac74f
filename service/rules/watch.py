"""Rules as their list shows them."""

from collections.abc import Mapping
from typing import NamedTuple

from alerts.rules import Rule
from alerts.watched import CatalogueEntry, aggregation_of, judged_unit, window_of
from sql.vocabulary import Comparison


class Watch(NamedTuple):
    """The figure that a rule watches, as its metric has it where the rule leaves it open; `unit` is
    that of its threshold.
    """

    aggregation: str
    window: str
    unit: str | None
    compare: Comparison | None


def watch_of(rule: Rule, entries: Mapping[str, CatalogueEntry]) -> Watch:
    """The figure that a rule watches, given the catalogue's entries by metric."""
    entry = entries.get(rule.metric_name)
    aggregation = aggregation_of(rule, entry)
    unit = judged_unit(rule, entry)
    return Watch(aggregation, str(window_of(rule, entry)), unit, rule.compare)
