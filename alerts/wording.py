"""Wording: notifications as text in a renderer's language, the same for every channel."""

from alerts.phrases import Phrases, done
from alerts.texts import bounded
from sql.messages import Message, Value

_TITLES = {
    "opened": Message("Alert"),
    "repeated": Message("Still open"),
    "acknowledged": Message("Acknowledged"),
    "resolved": Message("Resolved"),
    "restated": Message("Corrected"),
    "retracted": Message("Retracted"),
    "test": Message("Test"),
    "digest": Message("Alerts"),
    "failing": Message("Rule cannot be judged"),
    "judged": Message("Rule is judged again"),
}
OPEN_EVENT = Message("Open the event")
OPEN_EVENTS = Message("Open the events")
OPEN_RULE = Message("Open the rule")
_SMS_LENGTH = 400


class Wording(Phrases):
    """The texts of one notification."""

    @property
    def title(self) -> str:
        """One or two words: what happened."""
        transition = self.notification.transition
        return self.say(_TITLES.get(transition, Message(transition)))

    @property
    def subject(self) -> str:
        """One line: how bad, which rule, the value against its condition."""
        its = self.notification
        if its.transition == "test":
            return self.say(Message("[test] Test notification"))
        values: dict[str, Value] = {
            "tag": self._tag,
            "rule": self.rule_name + self.group,
            "fact": self._fact,
        }
        return self.say(Message("[{tag}] {rule}: {fact}", values))

    @property
    def headline(self) -> str:
        """One or two sentences that say all that matters."""
        its = self.notification
        situation = self._situation
        values: dict[str, Value] = {"situation": situation}
        match its.transition:
            case "repeated":
                values["since"] = self.moment(its.opened_at)
                said = Message("Still open since {since}. {situation}", values)
            case "acknowledged":
                values["actor"] = its.actor or Message("someone")
                said = Message("Acknowledged by {actor}. {situation}", values)
            case "resolved":
                values["duration"] = self.renderer.duration(its.at - its.opened_at)
                said = Message("Resolved after {duration}. {situation}", values)
            case "restated":
                values["correction"] = self._correction
                said = Message(
                    "Figures were corrected: {correction}. By that the alert would have opened, "
                    "too.",
                    values,
                )
            case "retracted":
                values["correction"] = self._correction
                said = Message(
                    "Figures were corrected: {correction}. By that the alert would not have "
                    "opened: it is retracted.",
                    values,
                )
            case _:
                said = situation
        if impact := self.impact:
            said = Message("{said} {impact}.", {"said": said, "impact": impact})
        return self.say(said)

    @property
    def link_text(self) -> str:
        """The words of the link."""
        match self.notification.transition:
            case "digest":
                return self.say(OPEN_EVENTS)
            case "failing" | "judged":
                return self.say(OPEN_RULE)
        return self.say(OPEN_EVENT)

    @property
    def sms(self) -> str:
        """Short enough for a few segments; a link stays whole."""
        link = f" {self.notification.link}" if self.notification.link else ""
        return bounded(f"{self.subject}. {self.headline}", _SMS_LENGTH - len(link)) + link

    @property
    def _tag(self) -> Value:
        its = self.notification
        severity = self.severity
        if its.transition in ("opened", "digest"):
            return severity
        if its.transition == "repeated":
            return Message("still open, {severity}", {"severity": severity})
        return done(its.transition)

    @property
    def _fact(self) -> Message:
        its = self.notification
        if its.transition == "digest":
            return self.counts
        if its.transition == "failing" or self._closed_without_figure:
            return its.why
        if its.transition == "judged":
            return Message("it is judged again")
        if its.is_correction:
            return Message("{value} instead of {known}", {"value": self.value, "known": self.known})
        if not its.condition:
            return Message("{value}", {"value": self.value})
        values = {"condition": its.condition, "threshold": self.threshold}
        return Message("{value} ({condition} {threshold})", {"value": self.value, **values})

    @property
    def _situation(self) -> Message:
        its = self.notification
        match its.transition:
            case "test":
                return Message("This is a test of the notifications; nothing has happened.")
            case "digest":
                number = sum(its.counts.values())
                values: dict[str, Value] = {"number": number, "counts": self.counts}
                return Message("{number} events of this rule at once: {counts}.", values)
            case "failing":
                return Message("This rule cannot be judged: {reason}.", {"reason": its.why})
            case "judged":
                return Message("This rule can be judged again.")
        if self._closed_without_figure:
            return Message("{reason}.", {"reason": its.why})
        return self._figure

    @property
    def _parts(self) -> dict[str, Value]:
        return {
            "aggregation": self.aggregation,
            "metric": self.notification.metric_name + self.group,
            "value": self.value,
            "window": self.window,
            "condition": self.condition,
            "threshold": self.threshold,
        }

    @property
    def _correction(self) -> Message:
        values = self._parts | {"known": self.known}
        if self.notification.compared is not None and self.notification.compared.compare:
            return Message(
                "the change of the {aggregation} of {metric} is {value} for {window}, not {known}",
                values,
            )
        return Message("the {aggregation} of {metric} is {value} for {window}, not {known}", values)

    @property
    def _change(self) -> Message:
        values = self._parts | {"figure": self.figure, "earlier": self.earlier}
        if self.notification.transition == "resolved":
            return Message(
                "The {aggregation} of {metric} is {figure} for {window}, a change of {value} "
                "({earlier}); the rule is {condition} {threshold}.",
                values,
            )
        return Message(
            "The {aggregation} of {metric} is {figure} for {window}, a change of {value} "
            "({earlier}), {condition} {threshold}.",
            values,
        )

    @property
    def _unusual(self) -> Message:
        values = self._parts | {"expected": self.expected}
        if self.notification.transition == "resolved" or not self.notification.condition:
            return Message(
                "The {aggregation} of {metric} is {value} for {window}, where {expected} was "
                "expected.",
                values,
            )
        return Message(
            "The {aggregation} of {metric} is {value} for {window}, where {expected} was expected; "
            "{condition} {threshold} is unusual.",
            values,
        )

    @property
    def _forecast(self) -> Message:
        values = self._parts | {"figure": self.figure, "band": self.band}
        if self.notification.transition == "resolved":
            return Message(
                "The {aggregation} of {metric} is forecast to be {value} ({band}) for {window}, "
                "with {figure} so far; the rule is {condition} {threshold}.",
                values,
            )
        return Message(
            "The {aggregation} of {metric} is forecast to be {value} ({band}) for {window}, with "
            "{figure} so far: {condition} {threshold}.",
            values,
        )

    @property
    def _figure(self) -> Message:
        its, values = self.notification, self._parts
        if its.value is not None and its.compared is not None and its.compared.is_forecast:
            return self._forecast
        if its.value is not None and its.compared is not None:
            return self._unusual if its.compared.compare is None else self._change
        if its.value is None and not its.condition:
            return Message("There is no data of {metric} for {window}.", values)
        if its.value is None:
            return Message(
                "There is no data of {metric} for {window}; the rule is {condition} {threshold}.",
                values,
            )
        if its.transition == "resolved":
            return Message(
                "The {aggregation} of {metric} is {value} for {window}; the rule is {condition} "
                "{threshold}.",
                values,
            )
        if its.silent:
            return Message(
                "No sample of {metric} arrived for {window}, so its {aggregation} is {value}, "
                "{condition} {threshold}.",
                values,
            )
        return Message(
            "The {aggregation} of {metric} is {value} for {window}, {condition} {threshold}.",
            values,
        )

    @property
    def _closed_without_figure(self) -> bool:
        """Resolved by a person, by an edit of the rule or by silence, not by a figure."""
        return self.notification.transition == "resolved" and self.notification.value is None
