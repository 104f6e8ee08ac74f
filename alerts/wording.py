"""What happened, in words; the same for every channel."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.messages import Message

TITLES = {
    "opened": "Alert",
    "repeated": "Still open",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "test": "Test",
}
_CONDITIONS = {
    ">": "above",
    "<": "below",
    ">=": "at or above",
    "<=": "at or below",
    "==": "exactly at",
    "!=": "different from",
}
_AGGREGATIONS = {
    "sum": "total",
    "avg": "mean",
    "min": "minimum",
    "max": "maximum",
    "count": "number of samples",
    "first": "first value",
    "last": "last value",
}
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_TEST = "This is a test of the notifications; nothing has happened."
_TRAILING = re.compile(r"(\d+)([smhd])")
_SMS_LENGTH = 400


def subject(message: Message) -> str:
    """One line: how bad, which rule, the value against its condition."""
    if message.transition == "test":
        return "[test] Test notification"
    tag = {"opened": message.severity, "repeated": f"still open, {message.severity}"}.get(
        message.transition, message.transition
    )
    compared = f"{value(message)} ({message.condition} {threshold(message)})"
    if _closed_without_figure(message):
        compared = message.reason
    return _one_line(f"[{tag}] {message.rule_name}{_group(message)}: {compared}")


def headline(message: Message) -> str:
    """One or two sentences that say all that matters."""
    if message.transition == "test":
        return _TEST
    situation = _situation(message)
    if _closed_without_figure(message):
        situation = f"{message.reason}."
    sentence = {
        "repeated": f"Still open since {since(message)}. {situation}",
        "acknowledged": f"Acknowledged by {message.actor or 'someone'}. {situation}",
        "resolved": f"Resolved after {duration(message.at - message.opened_at)}. {situation}",
    }.get(message.transition, situation)
    return _one_line(sentence)


def _closed_without_figure(message: Message) -> bool:
    """Resolved by a person, by an edit of the rule or by silence, not by a figure."""
    return message.transition == "resolved" and message.value is None


def facts(message: Message) -> list[tuple[str, str]]:
    """Label and text of everything there is to say, most telling first."""
    if message.transition == "test":
        return [("Sent", moment(message.at, message.timezone)), ("By", message.actor or "")]
    resolved = message.transition == "resolved"
    rows = [
        ("Metric", f"{message.metric_name} ({_aggregation(message)})"),
        ("Value", value(message)),
        ("Condition", f"{message.condition} {threshold(message)}"),
        ("Window", window(message)),
        ("Severity", message.severity),
        *((name, label or "(none)") for name, label in message.group.items()),
        ("Since", since(message)),
        ("Until", moment(message.at, message.timezone) if resolved else ""),
        ("Peak", "" if message.peak_value is None else _amount(message, message.peak_value)),
        ("Reason", message.reason),
        ("By", message.actor or ""),
        ("Comment", message.comment or ""),
        ("About", message.description),
    ]
    return [(label, _one_line(text)) for label, text in rows if text.strip()]


def sms_text(message: Message) -> str:
    """Short enough for a few segments; a link stays whole."""
    link = f" {message.link}" if message.link else ""
    room = _SMS_LENGTH - len(link)
    text = f"{subject(message)}. {headline(message)}"
    return (text if len(text) <= room else text[: room - 3] + "...") + link


def value(message: Message) -> str:
    """The figure with its unit."""
    return "no data" if message.value is None else _amount(message, message.value)


def threshold(message: Message) -> str:
    """The threshold with the metric's unit."""
    return _amount(message, message.threshold_value)


def since(message: Message) -> str:
    """When the event opened, business time."""
    return moment(message.opened_at, message.timezone)


def window(message: Message) -> str:
    """What stretch of time was judged, business time."""
    start, end = message.window_start, message.window_end
    if start is None or end is None:
        return _window_name(message.window)
    zone = ZoneInfo(message.timezone)
    first, last = start.astimezone(zone), end.astimezone(zone)
    match message.window:
        case "day":
            return f"{first:%Y-%m-%d}, the day ({message.timezone})"
        case "week":
            return f"the week of {first:%Y-%m-%d} ({message.timezone})"
        case "month":
            return f"{first:%Y-%m}, the month ({message.timezone})"
        case "hour":
            return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M} ({message.timezone})"
    name = _window_name(message.window)
    return f"{name} to {moment(end, message.timezone)}"


def moment(instant: datetime, timezone: str) -> str:
    """To the second where it has seconds, with the zone's name."""
    local = instant.astimezone(ZoneInfo(timezone))
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return f"{local:%Y-%m-%d} {clock} ({timezone})"


def duration(length: timedelta) -> str:
    """The two largest units of a stretch of time."""
    seconds = max(0, round(length.total_seconds()))
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    told = [f"{count} {unit}" for count, unit in parts[:2] if count]
    return " ".join(told) or "0 s"


def number(figure: float) -> str:
    """With thousands separators and as many decimals as tell something."""
    if figure == round(figure) and abs(figure) < 1e15:
        return f"{figure:,.0f}"
    if 1 <= abs(figure) < 1e15:
        return f"{figure:,.4f}".rstrip("0").rstrip(".")
    return f"{figure:.4g}"


def _situation(message: Message) -> str:
    place = f"of {message.metric_name}{_group(message)}"
    when = window(message)
    if message.value is None:
        return f"There is no data {place} for {when}; the rule is {_rule(message)}."
    figure = f"The {_aggregation(message)} {place} is {value(message)} for {when}"
    if message.transition == "resolved":
        return f"{figure}; the rule is {_rule(message)}."
    return f"{figure}, {_rule(message)}."


def _rule(message: Message) -> str:
    return f"{_CONDITIONS.get(message.condition, message.condition)} {threshold(message)}"


def _aggregation(message: Message) -> str:
    return _AGGREGATIONS.get(message.aggregation, message.aggregation)


def _group(message: Message) -> str:
    labels = ", ".join(f"{name} {label or '(none)'}" for name, label in message.group.items())
    return f" ({labels})" if labels else ""


def _amount(message: Message, figure: float) -> str:
    unit = "" if message.aggregation == "count" else message.unit or ""
    return f"{number(figure)} {unit}".strip()


def _window_name(name: str) -> str:
    parts = [(int(count), _UNITS[unit]) for count, unit in _TRAILING.findall(name)]
    if not parts:
        return name
    if len(parts) == 1 and parts[0][0] == 1:
        return f"the {parts[0][1]}"
    return "the " + " ".join(f"{n} {unit}{'s' * (n != 1)}" for n, unit in parts)


def _one_line(text: str) -> str:
    visible = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(visible.split())
