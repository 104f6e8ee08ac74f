"""The words of alerts on pages."""

from service.language.translations import N_
from service.web.choices import AGGREGATIONS, PERIODS, options

# Words and tone.
SEVERITIES = {
    "critical": (N_("Critical"), "bad"),
    "high": (N_("High"), "bad"),
    "medium": (N_("Medium"), "fair"),
    "low": (N_("Low"), "info"),
}
STATUSES = {
    "open": (N_("Open"), "bad"),
    "acknowledged": (N_("Acknowledged"), "fair"),
    "resolved": (N_("Resolved"), "good"),
}
TRANSITIONS = {
    "opened": N_("Opened"),
    "acknowledged": N_("Acknowledged"),
    "repeated": N_("Notified again"),
    "resolved": N_("Resolved"),
    "restated": N_("Figures corrected"),
    "retracted": N_("Retracted"),
}
OUTCOMES = {
    "sent": (N_("Sent"), "good"),
    "failed": (N_("Failed"), "fair"),
    "dead": (N_("Given up"), "bad"),
}
CONDITIONS = {
    ">": N_("above"),
    ">=": N_("at or above"),
    "<": N_("below"),
    "<=": N_("at or below"),
    "==": N_("equal to"),
    "!=": N_("other than"),
}
RULE_TYPES = {
    "threshold": N_("The value"),
    "change": N_("Its change"),
    "anomaly": N_("What is unusual"),
    "forecast": N_("Where it will end"),
}
DIRECTIONS = {
    "both": N_("above and below"),
    "below": N_("below only"),
    "above": N_("above only"),
}
SENSITIVITIES = {
    "low": N_("very unusual"),
    "medium": N_("unusual values"),
    "high": N_("a little unusual"),
}
COMPARISONS = {
    "previous_period": N_("the period before"),
    "previous_day": N_("a day before"),
    "previous_week": N_("a week before"),
    "previous_year": N_("364 days before"),
    "average_4_weeks": N_("four weeks before"),
}
CHANGE_UNITS = {
    "percent": N_("in percent"),
    "absolute": N_("in the metric's unit"),
}
DAYS = {
    "mon": N_("Monday"),
    "tue": N_("Tuesday"),
    "wed": N_("Wednesday"),
    "thu": N_("Thursday"),
    "fri": N_("Friday"),
    "sat": N_("Saturday"),
    "sun": N_("Sunday"),
}
WORDS = {
    "options": options,
    "severities": SEVERITIES,
    "alert_statuses": STATUSES,
    "transitions": TRANSITIONS,
    "outcomes": OUTCOMES,
    "conditions": CONDITIONS,
    "aggregations": AGGREGATIONS,
    "windows": PERIODS,
    "rule_types": RULE_TYPES,
    "comparisons": COMPARISONS,
    "change_units": CHANGE_UNITS,
    "directions": DIRECTIONS,
    "sensitivities": SENSITIVITIES,
    "weekdays": DAYS,
}
