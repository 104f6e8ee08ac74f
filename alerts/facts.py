"""The facts of a notification: a label and a text each."""

from alerts.phrases import Phrases, done, labels_text
from sql.messages import Message, Value

_Row = tuple[Message | str, Message | str]


def facts(phrases: Phrases) -> list[tuple[str, str]]:
    """Label and text of everything there is to say, most telling first."""
    texts = [(phrases.say(label), phrases.say(text)) for label, text in _rows(phrases)]
    return [(label, text) for label, text in texts if text]


def _rows(phrases: Phrases) -> list[_Row]:
    its = phrases.notification
    match its.transition:
        case "test":
            return [(Message("Sent"), phrases.moment(its.at)), (Message("By"), its.actor or "")]
        case "digest":
            return _lines(phrases)
        case "failing" | "judged":
            return [_metric(phrases), _condition(phrases), (Message("Reason"), its.why)]
    return _event(phrases)


def _metric(phrases: Phrases) -> _Row:
    values: dict[str, Value] = {
        "metric": phrases.notification.metric_name,
        "aggregation": phrases.aggregation,
    }
    return Message("Metric"), Message("{metric} ({aggregation})", values)


def _condition(phrases: Phrases) -> _Row:
    condition = phrases.notification.condition
    return Message("Condition"), f"{condition} {phrases.threshold}" if condition else ""


def _compared(phrases: Phrases) -> list[_Row]:
    compared = phrases.notification.compared
    if compared is None:
        return []
    if compared.is_forecast:
        return [
            (Message("So far"), phrases.figure),
            (Message("Forecast between"), phrases.band),
        ]
    if compared.compare is None:
        return [(Message("Expected"), phrases.expected)]
    return [(Message("Figure"), phrases.figure), (Message("Before"), phrases.earlier)]


def _impact(phrases: Phrases) -> list[_Row]:
    impact = phrases.notification.impact
    if impact is None:
        return []
    expected = phrases.renderer.figure(impact.expected, impact.unit)
    rows: list[_Row] = [(Message("Impact"), phrases.impact or "")]
    return [*rows, (Message("Expected meanwhile"), expected)]


def _before_correction(phrases: Phrases) -> list[_Row]:
    if not phrases.notification.is_correction:
        return []
    return [(Message("Before the correction"), Message("{value}", {"value": phrases.known}))]


def _event(phrases: Phrases) -> list[_Row]:
    its = phrases.notification
    return [
        _metric(phrases),
        (Message("Value"), Message("{value}", {"value": phrases.value})),
        *_before_correction(phrases),
        _condition(phrases),
        *_compared(phrases),
        *_impact(phrases),
        (Message("Window"), Message("{window}", {"window": phrases.window})),
        (Message("Severity"), Message("{severity}", {"severity": phrases.severity})),
        *((name, label or "(none)") for name, label in its.group.items()),
        (Message("Since"), phrases.moment(its.opened_at)),
        (Message("Until"), phrases.moment(its.at) if its.transition == "resolved" else ""),
        (Message("Peak"), "" if its.peak_value is None else phrases.amount(its.peak_value)),
        (Message("Reason"), its.why),
        (Message("By"), its.actor or ""),
        (Message("Comment"), its.comment or ""),
        (Message("About"), phrases.renderer.built_in(its.description)),
    ]


def _lines(phrases: Phrases) -> list[_Row]:
    its = phrases.notification
    rows: list[_Row] = []
    for line in its.lines:
        no_data = line.value is None
        value = Message("no data") if no_data else phrases.amount(line.value or 0.0, line.unit)
        values: dict[str, Value] = {"value": value, "transition": done(line.transition)}
        rows.append((labels_text(line.group) or "–", Message("{value}, {transition}", values)))
    more = sum(its.counts.values()) - len(rows)
    return [*rows, (Message("More"), str(more))] if more > 0 else rows
