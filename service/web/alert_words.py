"""What pages call the parts of alerts."""

from collections.abc import Mapping

from service.web.formats import Reader
from service.web.languages import marked

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
AGGREGATIONS = {
    "sum": marked("Sum"),
    "avg": marked("Mean"),
    "min": marked("Smallest"),
    "max": marked("Largest"),
    "count": marked("Number of samples"),
    "last": marked("Latest"),
}
WINDOWS = {
    "hour": marked("Hour"),
    "day": marked("Day"),
    "week": marked("Week"),
    "month": marked("Month"),
}


def options(reader: Reader, names: Mapping[str, str | tuple[str, str]]) -> list[tuple[str, str]]:
    """Names as the choices of a select, in the reader's language."""
    return [
        (value, reader.gettext(words if isinstance(words, str) else words[0]))
        for value, words in names.items()
    ]


WORDS = {
    "options": options,
    "severities": SEVERITIES,
    "alert_statuses": STATUSES,
    "transitions": TRANSITIONS,
    "outcomes": OUTCOMES,
    "conditions": CONDITIONS,
    "aggregations": AGGREGATIONS,
    "windows": WINDOWS,
}
