"""Why a state changed, as messages with values: rendered for each reader."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sql.durations import duration_text
from sql.messages import Message, Quantity, Term, Value
from sql.vocabulary import Comparison, Condition

if TYPE_CHECKING:
    from alerts.decision import Compared, Reading
    from alerts.watch import Watch

CONDITIONS: Mapping[Condition, str] = {
    ">": "above",
    "<": "below",
    ">=": "at or above",
    "<=": "at or below",
    "==": "equal to",
    "!=": "different from",
}
COMPARED: Mapping[Comparison, Message] = {
    "previous_period": Message("in the period before"),
    "previous_day": Message("a day before"),
    "previous_week": Message("a week before"),
    "previous_year": Message("364 days before"),
    "average_4_weeks": Message("in the mean of four weeks before"),
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
    if reading.compared is not None and rule.foresees:
        return _forecast(rule, values, reading.compared, past=past)
    if reading.compared is not None:
        return _change(values, reading, past=past)
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


def _change(values: dict[str, Value], reading: "Reading", *, past: bool) -> Message:
    """The change of a figure against a bound, such as ``sum of revenue_hourly is 1200 BRL after
    2000 BRL a week before, a change of -40 percent: below -30``.
    """
    assert reading.value is not None
    compared = reading.compared
    assert compared is not None
    assert compared.expected is not None
    assert compared.compare is not None
    values |= {
        "figure": Quantity(compared.figure, compared.unit),
        "expected": Quantity(compared.expected, compared.unit),
        "compare": COMPARED[compared.compare],
    }
    if past:
        return Message(
            "{aggregation} of {metric} is {figure}, {compare} it was {expected}: the change of "
            "{value} is {condition} {bound}",
            values,
        )
    return Message(
        "{aggregation} of {metric} is {figure}, {compare} it was {expected}: the change of "
        "{value} is not {condition} {bound}",
        values,
    )


def _forecast(
    rule: "Watch", values: dict[str, Value], compared: "Compared", *, past: bool
) -> Message:
    """What a window will end with against a bound, such as ``sum of revenue_daily is forecast to be
    48000 BRL (45000 to 51000) at the end of the month, 21000 so far: below 50000``.
    """
    assert compared.lower is not None
    assert compared.upper is not None
    values |= {
        "lower": Quantity(compared.lower),
        "upper": Quantity(compared.upper),
        "figure": Quantity(compared.figure, compared.unit),
        "window": Term(str(rule.window)),
    }
    if past:
        return Message(
            "{aggregation} of {metric} is forecast to be {value} ({lower} to {upper}) at the end "
            "of the {window}, {figure} so far: {condition} {bound}",
            values,
        )
    return Message(
        "{aggregation} of {metric} is forecast to be {value} ({lower} to {upper}) at the end of "
        "the {window}, {figure} so far: not {condition} {bound}",
        values,
    )


def unusual(rule: "Watch", reading: "Reading", beyond: tuple[Condition, float] | None) -> Message:
    """A figure beside what was expected, and the end of what is usual that it is beyond."""
    compared = reading.compared
    assert reading.value is not None
    assert compared is not None
    assert compared.expected is not None
    values: dict[str, Value] = {
        "aggregation": Term(rule.aggregation),
        "metric": rule.metric_name,
        "value": Quantity(reading.value, reading.unit),
        "expected": Quantity(compared.expected, reading.unit),
    }
    if beyond is None:
        return Message(
            "{aggregation} of {metric} is {value} where {expected} was expected, as is usual",
            values,
        )
    condition, bound = beyond
    values |= {"condition": Term(CONDITIONS[condition]), "bound": Quantity(bound, reading.unit)}
    return Message(
        "{aggregation} of {metric} is {value} where {expected} was expected: {condition} {bound} "
        "is unusual",
        values,
    )


def no_data(rule: "Watch", reading: "Reading", holds: bool | None) -> Message:
    """Nothing is known, and what the rule makes of that."""
    values: dict[str, Value] = {"aggregation": Term(rule.aggregation), "metric": rule.metric_name}
    if reading.compared is not None and rule.foresees:
        return Message("The past of {metric} is too short to forecast its {aggregation}", values)
    if reading.compared is not None:
        return Message("There is nothing to compare the {aggregation} of {metric} with", values)
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


def off_schedule(reason: Message) -> Message:
    """The hours in which it may open are over before it has held as long as it must."""
    return Message("{reason}; nothing opens outside the rule's hours", {"reason": reason})


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
