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
