"""Words for what can be chosen of figures: ranges, periods, aggregations."""

from collections.abc import Mapping

from service.web.formats import Reader
from service.web.i18n import marked

RANGES = {
    "today": marked("Today"),
    "yesterday": marked("Yesterday"),
    "last_24_hours": marked("Last 24 hours"),
    "last_7_days": marked("Last 7 days"),
    "last_30_days": marked("Last 30 days"),
    "last_90_days": marked("Last 90 days"),
    "last_12_months": marked("Last 12 months"),
    "this_week": marked("This week"),
    "this_month": marked("This month"),
    "this_year": marked("This year"),
}
PERIODS = {
    "auto": marked("Automatic"),
    "hour": marked("Hour"),
    "day": marked("Day"),
    "week": marked("Week"),
    "month": marked("Month"),
}
AGGREGATIONS = {
    "sum": marked("Sum"),
    "avg": marked("Average"),
    "min": marked("Smallest"),
    "max": marked("Largest"),
    "count": marked("Number of samples"),
    "last": marked("Last value"),
}
COMPARISONS = {
    "none": marked("Nothing"),
    "previous_period": marked("The period before"),
    "previous_year": marked("The same a year before"),
}
LOOKS = {"line": marked("Line"), "bar": marked("Bars")}
FILLS = {
    "none": marked("Leave out"),
    "zero": marked("Zero"),
    "null": marked("Show as unknown"),
    "previous": marked("Carry forward"),
}
LABELS = {
    "service_name": marked("Service"),
    "affiliate_id": marked("Affiliate"),
    "region": marked("Region"),
    "unit": marked("Unit"),
}
TYPES = {
    "revenue": marked("Revenue"),
    "commission": marked("Commission"),
    "user_activity": marked("User activity"),
    "conversion": marked("Conversion"),
    "performance": marked("Performance"),
    "gamification": marked("Gamification"),
    "validation": marked("Validation"),
}
KINDS = {
    "flow": marked("Flow"),
    "stock": marked("Stock"),
    "ratio": marked("Ratio"),
}
FREQUENCIES = {
    "real_time": marked("In real time"),
    "hourly": marked("Hourly"),
    "daily": marked("Daily"),
    "monthly": marked("Monthly"),
}
PANELS = {
    "line": marked("Line"),
    "bar": marked("Bars"),
    "stat": marked("Figure"),
    "table": marked("Table"),
    "alerts": marked("Alerts"),
}
REFRESHES = {
    "": marked("Never"),
    "30s": marked("Every 30 seconds"),
    "1m": marked("Every minute"),
    "5m": marked("Every 5 minutes"),
    "15m": marked("Every 15 minutes"),
    "1h": marked("Every hour"),
}


def options(reader: Reader, names: Mapping[str, str | tuple[str, str]]) -> list[tuple[str, str]]:
    """Names, by words or words and tone, as the choices of a select in the reader's language."""
    return [
        (value, reader.gettext(words if isinstance(words, str) else words[0]))
        for value, words in names.items()
    ]
