"""One colour for each severity, and one for what is over."""

from alerts.notification import Notification

_RESOLVED = "#2e7d32"
_NEUTRAL = "#5f6368"
_SEVERITIES = {
    "low": "#1565c0",
    "medium": "#b26a00",
    "high": "#d84315",
    "critical": "#b71c1c",
}


def colour_of(notification: Notification) -> str:
    """As #rrggbb, dark enough to be read on white."""
    if notification.transition == "test":
        return _NEUTRAL
    if notification.transition in ("resolved", "retracted", "judged"):
        return _RESOLVED
    return _SEVERITIES.get(notification.severity, _NEUTRAL)
