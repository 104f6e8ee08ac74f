"""What a target is, and the period of it that a moment is in; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from service.metrics.query.ranges import Span, span_between
from sql import calendar
from sql.vocabulary import GROUPABLE, Aggregation

TargetPeriod = Literal["day", "week", "month", "quarter", "year"]
Direction = Literal["at_least", "at_most"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a metric is to reach, or not to exceed, in each `period` from the day `since` to the
    day `until`; `filters` are labels and dimensions.
    """

    name: str
    metric_name: str
    period: TargetPeriod
    value: float
    direction: Direction
    aggregation: Aggregation | None
    filters: Mapping[str, str]
    since: date | None = None
    until: date | None = None

    def is_met(self, value: float) -> bool:
        """Whether that value is as good as the target."""
        return value >= self.value if self.direction == "at_least" else value <= self.value


def target_of(row: Mapping[str, Any]) -> Target:
    """The target that a row holds."""
    labels = {name: row[name] for name in GROUPABLE if row[name] is not None}
    return Target(
        row["name"],
        row["metric_name"],
        row["period"],
        row["value"],
        row["direction"],
        row["aggregation"],
        labels | row["filters"],
        row["since"],
        row["until"],
    )


def span_at(target: Target, now: datetime, zone: ZoneInfo) -> Span:
    """The period of a target that `now` is in; the first or last one where it does not hold."""
    today = now.astimezone(zone).date()
    if target.until is not None:
        today = min(today, target.until)
    if target.since is not None:
        today = max(today, target.since)
    first = calendar.floor(calendar.day_start(today, zone), target.period, zone)
    return span_between(first, calendar.following(first, target.period, zone))


def is_over(span: Span, now: datetime) -> bool:
    """Whether nothing more comes in that period."""
    return now.astimezone(UTC) >= span.before
