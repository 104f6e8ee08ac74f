"""Words for what can be chosen of figures: ranges, periods, aggregations."""

from collections.abc import Mapping

from service.language.reader import Reader
from service.language.translations import N_

RANGES = {
    "today": N_("Today"),
    "yesterday": N_("Yesterday"),
    "last_24_hours": N_("Last 24 hours"),
    "last_7_days": N_("Last 7 days"),
    "last_30_days": N_("Last 30 days"),
    "last_90_days": N_("Last 90 days"),
    "last_12_months": N_("Last 12 months"),
    "last_week": N_("Last week"),
    "last_month": N_("Last month"),
    "this_week": N_("This week"),
    "this_month": N_("This month"),
    "this_year": N_("This year"),
}
PERIODS = {
    "auto": N_("Automatic"),
    "minute": N_("Minute"),
    "hour": N_("Hour"),
    "day": N_("Day"),
    "week": N_("Week"),
    "month": N_("Month"),
    "quarter": N_("Quarter"),
    "year": N_("Year"),
}
AGGREGATIONS = {
    "sum": N_("Sum"),
    "avg": N_("Average"),
    "min": N_("Smallest"),
    "max": N_("Largest"),
    "count": N_("Number of samples"),
    "last": N_("Last value"),
}
COMPARISONS = {
    "none": N_("Nothing"),
    "previous_period": N_("The period before"),
    "previous_day": N_("The same a day before"),
    "previous_week": N_("The same a week before"),
    "previous_year": N_("The same a year before"),
}
EXPLAINED = {
    **{name: words for name, words in COMPARISONS.items() if name != "none"},
    "average_4_weeks": N_("The average of four weeks"),
}
FORECASTS = {
    "none": N_("None"),
    "week": N_("Until the end of the week"),
    "month": N_("Until the end of the month"),
}
LOOKS = {"line": N_("Line"), "bar": N_("Bars")}
FILLS = {
    "none": N_("Leave out"),
    "zero": N_("Zero"),
    "null": N_("Show as unknown"),
    "previous": N_("Carry forward"),
}
LABELS = {
    "service_name": N_("Service"),
    "affiliate_id": N_("Affiliate"),
    "region": N_("Region"),
    "unit": N_("Unit"),
}
TYPES = {
    "revenue": N_("Revenue"),
    "commission": N_("Commission"),
    "user_activity": N_("User activity"),
    "conversion": N_("Conversion"),
    "performance": N_("Performance"),
    "gamification": N_("Gamification"),
    "validation": N_("Validation"),
}
KINDS = {
    "flow": N_("Flow"),
    "stock": N_("Stock"),
    "ratio": N_("Ratio"),
}
FREQUENCIES = {
    "real_time": N_("In real time"),
    "hourly": N_("Hourly"),
    "daily": N_("Daily"),
    "monthly": N_("Monthly"),
}
PANELS = {
    "line": N_("Line"),
    "bar": N_("Bars"),
    "stat": N_("Figure"),
    "table": N_("Table"),
    "alerts": N_("Alerts"),
}
REFRESHES = {
    "": N_("Never"),
    "30s": N_("Every 30 seconds"),
    "1m": N_("Every minute"),
    "5m": N_("Every 5 minutes"),
    "15m": N_("Every 15 minutes"),
    "1h": N_("Every hour"),
}


def options(reader: Reader, names: Mapping[str, str | tuple[str, str]]) -> list[tuple[str, str]]:
    """Names, by words or words and tone, as the choices of a select in the reader's language."""
    return [
        (value, reader.gettext(words if isinstance(words, str) else words[0]))
        for value, words in names.items()
    ]
