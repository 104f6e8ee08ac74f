"""Why a state changed, as messages with values: rendered for each reader."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql.durations import duration_text
from sql.messages import Message, Quantity, Term, Value
from sql.vocabulary import Condition

if TYPE_CHECKING:
    from alerts.decision import Reading, Watch

CONDITIONS: Mapping[Condition, str] = {
    ">": "above",
    "<": "below",
    ">=": "at or above",
    "<=": "at or below",
    "==": "equal to",
    "!=": "different from",
}


def figure(rule: "Watch", reading: "Reading", bound: float, *, past: bool) -> Message:
    """A figure against a bound, such as ``sum of revenue_hourly is 1200 BRL, below 1500``; `past`
    where it is beyond it.
    """
    assert reading.value is not None
    values: dict[str, Value] = {
        "aggregation": Term(rule.aggregation),
        "metric": rule.metric_name,
        "value": Quantity(reading.value, reading.unit),
        "condition": Term(CONDITIONS[rule.condition]),
        "bound": Quantity(bound),
    }
    if reading.silent and past:
        return Message(
            "no sample of {metric} arrived: its {aggregation} is {value}, {condition} {bound}",
            values,
        )
    if reading.silent:
        return Message(
            "no sample of {metric} arrived: its {aggregation} is {value}, not {condition} {bound}",
            values,
        )
    if past:
        return Message("{aggregation} of {metric} is {value}, {condition} {bound}", values)
    return Message("{aggregation} of {metric} is {value}, not {condition} {bound}", values)


def no_data(rule: "Watch", holds: bool | None) -> Message:
    """Nothing is known, and what the rule makes of that."""
    values: dict[str, Value] = {"aggregation": Term(rule.aggregation), "metric": rule.metric_name}
    match holds:
        case True:
            return Message(
                "There is no data for the {aggregation} of {metric}, which alerts", values
            )
        case False:
            return Message(
                "There is no data for the {aggregation} of {metric}, which resolves", values
            )
    return Message("There is no data for the {aggregation} of {metric}", values)


def for_long(reason: Message, seconds: float) -> Message:
    """The reason, and how long it has been so; as it is where that is no time."""
    if not seconds:
        return reason
    return Message("{reason}, for {duration}", _with(reason, seconds))


def too_short(reason: Message, seconds: float) -> Message:
    """It was over before it had held as long as it must."""
    return Message("{reason} before it had held for {duration}", _with(reason, seconds))


def begun(reason: Message, seconds: float) -> Message:
    """It has to hold for a while before an event opens."""
    return Message("{reason}; opens once it has held for {duration}", _with(reason, seconds))


def still_open(reason: Message) -> Message:
    """It goes on."""
    return Message("Still open; {reason}", {"reason": reason})


def may_open_again(reason: Message) -> Message:
    """The condition cleared after a user resolved the event."""
    return Message("{reason}; it may open again", {"reason": reason})


def retired(seconds: float) -> Message:
    """The group had no samples for so long that it is not judged any more."""
    return Message(
        "There were no samples for {duration}: it is not judged any more",
        {"duration": duration_text(seconds)},
    )


def _with(reason: Message, seconds: float) -> dict[str, Message | str]:
    return {"reason": reason, "duration": duration_text(seconds)}
