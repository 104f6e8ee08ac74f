"""The parts of notifications: figures, windows and words, in a renderer's language."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.notification import Notification
from alerts.reasons import COMPARED
from alerts.rendering import Renderer
from alerts.texts import one_line
from sql.durations import Trailing, parse_window
from sql.messages import Message, Term, Value

_CONDITIONS = {
    ">": Term("above"),
    "<": Term("below"),
    ">=": Term("at or above"),
    "<=": Term("at or below"),
    "==": Term("exactly at"),
    "!=": Term("different from"),
}
_AGGREGATIONS = {
    "sum": Term("total"),
    "avg": Term("mean"),
    "min": Term("minimum"),
    "max": Term("maximum"),
    "count": Term("number of samples"),
    "first": Term("first value"),
    "last": Term("last value"),
}
_SEVERITIES = {
    "low": Term("low"),
    "medium": Term("medium"),
    "high": Term("high"),
    "critical": Term("critical"),
}
_DONE = {
    "acknowledged": Term("acknowledged"),
    "resolved": Term("resolved"),
    "restated": Term("corrected"),
    "retracted": Term("retracted"),
    "opened": Term("opened"),
    "repeated": Term("still open"),
    "failing": Term("not judged"),
    "judged": Term("judged again"),
}


class Phrases:
    """The parts of one notification."""

    def __init__(self, notification: Notification, renderer: Renderer) -> None:
        self.notification = notification
        self.renderer = renderer
        self._zone = ZoneInfo(notification.timezone)

    def say(self, text: Message | str) -> str:
        """A text on one line."""
        return one_line(text if isinstance(text, str) else self.renderer.message(text))

    @property
    def rule_name(self) -> str:
        """The rule."""
        return self.say(self.renderer.built_in(self.notification.rule_name))

    @property
    def aggregation(self) -> Term:
        """Such as ``total``."""
        name = self.notification.aggregation
        return _AGGREGATIONS.get(name, Term(name))

    @property
    def condition(self) -> Term:
        """Such as ``below``."""
        return _CONDITIONS.get(self.notification.condition, Term(self.notification.condition))

    @property
    def severity(self) -> Term:
        """Such as ``high``."""
        return _SEVERITIES.get(self.notification.severity, Term(self.notification.severity))

    @property
    def value(self) -> Value:
        """The figure with its unit."""
        value = self.notification.value
        return Message("no data") if value is None else self.amount(value)

    @property
    def known(self) -> Value:
        """The figure that people were notified of, before it was corrected."""
        known = self.notification.known_value
        return Message("no data") if known is None else self.amount(known)

    @property
    def figure(self) -> str:
        """The figure that the value is the change of."""
        compared = self.notification.compared
        return "" if compared is None else self.renderer.figure(compared.figure, compared.unit)

    @property
    def expected(self) -> str:
        """The figure that was expected instead."""
        compared = self.notification.compared
        if compared is None or compared.expected is None:
            return ""
        return self.renderer.figure(compared.expected, compared.unit)

    @property
    def band(self) -> Message:
        """The values between which a forecast is, such as ``45,000 to 51,000``."""
        compared = self.notification.compared
        if compared is None or compared.lower is None or compared.upper is None:
            return Message("nothing to forecast by")
        values: dict[str, Value] = {
            "lower": self.renderer.figure(compared.lower, None),
            "upper": self.renderer.figure(compared.upper, None),
        }
        return Message("{lower} to {upper}", values)

    @property
    def earlier(self) -> Message:
        """The figure that the change is from, such as ``a week before it was 2,000 BRL``."""
        compared = self.notification.compared
        if compared is None or compared.expected is None or compared.compare is None:
            return Message("nothing to compare with")
        values: dict[str, Value] = {
            "when": COMPARED[compared.compare],
            "expected": self.expected,
        }
        return Message("{when} it was {expected}", values)

    @property
    def impact(self) -> Message | None:
        """The difference to what was expected, such as ``4,200 BRL less than expected since
        14:00``; None where there is none.
        """
        its, impact = self.notification, self.notification.impact
        if impact is None or not impact.difference:
            return None
        amount = self.renderer.figure(abs(impact.difference), impact.unit)
        values: dict[str, Value] = {
            "amount": amount
            if impact.adds_up
            else Message("on average {amount}", {"amount": amount}),
            "since": self._short(impact.since),
            "until": self._short(impact.until),
        }
        less = impact.difference < 0
        if its.transition == "resolved" and less:
            return Message("{amount} less than expected from {since} to {until}", values)
        if its.transition == "resolved":
            return Message("{amount} more than expected from {since} to {until}", values)
        if less:
            return Message("{amount} less than expected since {since}", values)
        return Message("{amount} more than expected since {since}", values)

    def _short(self, instant: datetime) -> str:
        """A time of day; of another day than that of the notification, with its date."""
        zone, write = self._zone, self.renderer
        is_today = write.day(instant, zone) == write.day(self.notification.at, zone)
        return write.clock(instant, zone) if is_today else write.moment(instant, zone)

    @property
    def threshold(self) -> str:
        """The threshold with its unit."""
        return self.amount(self.notification.threshold_value)

    @property
    def group(self) -> str:
        """The labels in brackets, if there are any."""
        labels = labels_text(self.notification.group)
        return f" ({labels})" if labels else ""

    @property
    def counts(self) -> Message:
        """The events of a digest, such as ``12 opened, 3 resolved``."""
        parts = [
            Message("{number} {transition}", {"number": number, "transition": done(transition)})
            for transition, number in self.notification.counts.items()
            if number
        ]
        said = ", ".join(self.renderer.message(part) for part in parts)
        return Message("{counts}", {"counts": said})

    def amount(self, figure: float, unit: str | None = None) -> str:
        """A figure with a unit, by default the notification's; what is counted has none."""
        its = self.notification
        counted = its.aggregation == "count" and its.compared is None
        unit = None if counted else unit or its.unit
        return self.renderer.figure(figure, unit)

    def moment(self, instant: datetime) -> Message:
        """An instant in the business time zone."""
        values = {"moment": self.renderer.moment(instant, self._zone), "zone": str(self._zone)}
        return Message("{moment} ({zone})", values)

    @property
    def window(self) -> Value:
        """The stretch of time that was judged, business time."""
        its = self.notification
        start, end, zone = its.window_start, its.window_end, self._zone
        if start is None or end is None:
            return its.window
        write = self.renderer
        values: dict[str, Value] = {"zone": its.timezone, "day": write.day(start, zone)}
        match its.window:
            case "day":
                return Message("{day}, the day ({zone})", values)
            case "week":
                return Message("the week of {day} ({zone})", values)
            case "month":
                values["month"] = write.month(start, zone)
                return Message("{month}, the month ({zone})", values)
            case "hour":
                values |= {"start": write.clock(start, zone), "end": write.clock(end, zone)}
                return Message("{day} {start} to {end} ({zone})", values)
        window = parse_window(its.window)
        span = write.span(window.seconds) if isinstance(window, Trailing) else its.window
        return Message("the {span} to {moment}", {"span": span, "moment": self.moment(end)})


def done(transition: str) -> Term:
    """A transition as an adjective."""
    return _DONE.get(transition, Term(transition))


def labels_text(group: Mapping[str, str | None]) -> str:
    """Such as ``region SP, service_name (none)``."""
    return ", ".join(f"{name} {label or '(none)'}" for name, label in group.items())
