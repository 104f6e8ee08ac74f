"""Restatements: an event whose decision differs by the figures as they are now. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from alerts import reasons
from alerts.decision import Compared, Reading, State, judgement, next_state
from alerts.second_look import SecondLook
from alerts.watch import GROWING
from sql.messages import Message


class Restatement(NamedTuple):
    """An event with the value that it is known by and the corrected one; whether it would not have
    opened by that, and whether people who were notified of it do not know that yet.
    """

    event: Mapping[str, Any]
    known: float | None
    value: float | None
    retracted: bool
    is_news: bool
    reason: Message
    compared: Compared | None

    @property
    def transition(self) -> str:
        """The step of the event that it is."""
        is_turned = self.retracted and not self.event["retracted"]
        return "retracted" if is_turned else "restated"


def restatement_of(event: Mapping[str, Any], look: SecondLook) -> Restatement | None:
    """None where the event was decided by the same value, in the same way. Where a sum, count or
    maximum of a period that was not over is more than it was, it merely went on.
    """
    was_restated: datetime | None = event["restated_at"]
    known = event["value"] if was_restated is None else event["restated_value"]
    holds, reason = judgement(look.watch, look.reading)
    if holds and not _held(look, event["opened_at"]):
        holds, reason = False, reasons.too_short(reason, look.watch.hold)
    value, is_turned = _value(look.reading), event["retracted"] == holds
    if not is_turned and (value == known or (holds and _went_on(look, known, value))):
        return None
    return Restatement(
        event,
        known,
        value,
        not holds,
        was_restated is None or is_turned,
        Message("Figures were corrected: {reason}", {"reason": reason}),
        look.reading.compared,
    )


def _value(reading: Reading) -> float | None:
    """The one that is judged; where nothing is known of what is usual the figure."""
    compared = reading.compared
    if reading.value is None and compared is not None and compared.compare is None:
        return compared.figure
    return reading.value


def _held(look: SecondLook, opened_at: datetime) -> bool:
    """True where the condition held all the time that it had to."""
    state = State("pending", since=opened_at)
    return all(
        next_state(look.watch, state, seen, opened_at)[0].phase != "inactive"
        for seen in look.before
    )


def _went_on(look: SecondLook, known: float | None, value: float | None) -> bool:
    if look.is_whole or known is None or value is None:
        return False
    return look.watch.aggregation in GROWING and value > known
