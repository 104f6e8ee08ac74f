"""The words that every floor shares, as they are written in the database and over HTTP."""

from typing import Literal, get_args

Frequency = Literal["real_time", "hourly", "daily", "monthly"]
MetricType = Literal[
    "revenue",
    "commission",
    "user_activity",
    "conversion",
    "performance",
    "gamification",
    "validation",
]
# Flows add up, stocks are levels, ratios are rates or means.
Kind = Literal["flow", "stock", "ratio"]
Aggregation = Literal["sum", "avg", "min", "max", "count", "last"]
Fill = Literal["none", "zero", "null", "previous"]
Order = Literal["asc", "desc"]
Level = Literal["minute", "hour", "day", "week", "month"]
Condition = Literal[">", "<", ">=", "<=", "==", "!="]
Severity = Literal["low", "medium", "high", "critical"]
NoData = Literal["ignore", "alert", "resolve"]
RuleType = Literal["threshold", "change", "anomaly", "forecast"]
Direction = Literal["below", "above", "both"]
ChangeUnit = Literal["percent", "absolute"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EventStatus = Literal["open", "acknowledged", "resolved"]
HealthStatus = Literal["healthy", "degraded", "unhealthy"]
# The metric that health reports are samples of; silence of it is 0.
SERVICE_HEALTH = "service_health"
# What a value is compared with: that of the period before, of the same a day, a week or 364 days
# earlier, the mean of the same of the four weeks before.
Comparison = Literal[
    "previous_period",
    "previous_day",
    "previous_week",
    "previous_year",
    "average_4_weeks",
]

# Of one answer, a page or the values of a query.
MAX_ROWS = 10_000

FREQUENCIES: tuple[Frequency, ...] = get_args(Frequency)
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
# The kind of a metric that nobody described yet.
KIND_OF_TYPE: dict[MetricType, Kind] = {
    "revenue": "flow",
    "commission": "flow",
    "user_activity": "stock",
    "conversion": "ratio",
    "performance": "ratio",
    "gamification": "flow",
    "validation": "flow",
}
# Of which no samples are 0; of the others they are unknown.
ADDING = frozenset[Aggregation]({"sum", "count"})
DEFAULT_AGGREGATION: dict[Kind, Aggregation] = {"flow": "sum", "stock": "last", "ratio": "avg"}

# The labels of every series; a metric may have dimensions beside them.
LABELS = ("service_name", "affiliate_id", "region")
GROUPABLE = (*LABELS, "unit")
# A label that a series does not have, in groups and filters; no label may be called so.
NONE = "(none)"

# The rollups of each frequency, finest first, named ``rollup_<frequency>_<level>``: none is finer
# than the frequency itself.
LEVELS: dict[Frequency, tuple[Level, ...]] = {
    "real_time": ("minute", "hour", "day", "week", "month"),
    "hourly": ("hour", "day", "week", "month"),
    "daily": ("day", "week", "month"),
    "monthly": ("month",),
}
