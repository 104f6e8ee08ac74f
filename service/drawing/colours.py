"""The colours of drawn charts: those of the style sheet where it is light."""

LINES = (
    "#4f46e5",
    "#31948f",
    "#933428",
    "#9f7f12",
    "#700048",
    "#1e1aa8",
    "#9f4cb1",
    "#298c01",
    "#03435b",
    "#b27ead",
    "#046850",
    "#4b3b05",
)
CARD = "#ffffff"
GRID = "#e4e4ea"
TEXT = "#1b1b22"
QUIET = "#5c5c6b"
BAD = "#b91c33"
FAIR = "#8a5300"
INFO = "#1d5fa8"
_SEVERITIES = {"critical": BAD, "high": BAD, "medium": FAIR}


def colour_of_severity(severity: str) -> str:
    """The colour of what happened."""
    return _SEVERITIES.get(severity, INFO)
