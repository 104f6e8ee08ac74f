"""What pages call the parts of alerts."""

from service.web.choices import AGGREGATIONS, PERIODS, options
from service.web.i18n import marked

# Words and tone.
SEVERITIES = {
    "critical": (marked("Critical"), "bad"),
    "high": (marked("High"), "bad"),
    "medium": (marked("Medium"), "fair"),
    "low": (marked("Low"), "info"),
}
STATUSES = {
    "open": (marked("Open"), "bad"),
    "acknowledged": (marked("Acknowledged"), "fair"),
    "resolved": (marked("Resolved"), "good"),
}
TRANSITIONS = {
    "opened": marked("Opened"),
    "acknowledged": marked("Acknowledged"),
    "repeated": marked("Told again"),
    "resolved": marked("Resolved"),
}
OUTCOMES = {
    "sent": (marked("Sent"), "good"),
    "failed": (marked("Failed"), "fair"),
    "dead": (marked("Given up"), "bad"),
}
CONDITIONS = {
    ">": marked("above"),
    ">=": marked("at or above"),
    "<": marked("below"),
    "<=": marked("at or below"),
    "==": marked("equal to"),
    "!=": marked("other than"),
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
}
