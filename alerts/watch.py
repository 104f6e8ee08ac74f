"""Watches: rules as they are judged, with nothing left to the catalogue."""

from collections.abc import Mapping
from typing import NamedTuple

from alerts.expectation.sensitivity import Sensitivity
from alerts.schedule import Schedule
from sql.calendar import LongPeriod
from sql.durations import Calendar, Window
from sql.vocabulary import (
    Aggregation,
    ChangeUnit,
    Comparison,
    Condition,
    Direction,
    NoData,
)

# The windows whose end can be foreseen, and the periods by which it is.
FORESEEN_BY: Mapping[LongPeriod, LongPeriod] = {"day": "hour", "week": "day", "month": "day"}
# Over a period that is not over these can only grow.
GROWING: frozenset[Aggregation] = frozenset({"sum", "count", "max"})


class Watch(NamedTuple):
    """A rule as the decision sees it, with nothing left to the catalogue. Durations are
    seconds; `country` is the one whose holidays count.
    """

    metric_name: str
    aggregation: Aggregation
    window: Window
    condition: Condition
    threshold: float
    recovery: float
    hold: float = 0.0
    keep_firing: float = 0.0
    repeat: float | None = None
    no_data: NoData = "ignore"
    settle: float = 60.0
    retire: float = 30 * 86400.0
    compare: Comparison | None = None
    change: ChangeUnit = "percent"
    direction: Direction | None = None
    sensitivity: Sensitivity = "medium"
    alerts_per_month: float | None = None
    foresees: bool = False
    min_samples: int = 0
    schedule: Schedule | None = None
    country: str = ""

    @property
    def grain(self) -> Window:
        """The window of the buckets that are read: of one whose end is foreseen shorter ones."""
        if self.foresees and isinstance(self.window, Calendar):
            return Calendar(FORESEEN_BY[self.window.period])
        return self.window

    @property
    def may_fire_early(self) -> bool:
        """True where a period that is not over can already break the rule for good, where nothing
        negative is added.
        """
        grows = self.condition in (">", ">=") and self.aggregation in GROWING
        plain = self.compare is None and self.direction is None and not self.foresees
        return grows and plain
