"""Bodies and answers of the endpoints of alerts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.fields import Text
from alerts.schedule import Schedule
from alerts.together import MOST
from service.http.envelopes import Item, Listing
from service.http.instants import Instant, instants
from service.http.parameters import DateRange
from service.http.paths import MAX_ID
from sql.messages import Message
from sql.vocabulary import Comparison, EventStatus, Severity

MAX_EVENTS = 1000


class ComparedOut(BaseModel):
    """A figure and what was expected of it: what it is the change from, or what is usual, with the
    values below and above which it is unusual. Of a forecast nothing is
    expected: the figure is what came so far, and the value will end between the two.
    """

    figure: float
    expected: float | None
    unit: str | None
    compare: Comparison | None
    lower: float | None
    upper: float | None


class EventOut(BaseModel):
    """An event. `value` opened it, `peak_value` is the worst since; `impact` is the difference to
    what was expected while it lasted; `restated_value` is `value` by figures that were corrected
    since, by which it would not have opened where it is `retracted`. Where nothing was expected,
    or corrected, those fields are left out.
    """

    id: int
    rule_id: int | None
    rule_name: str
    metric_name: str
    condition: str
    threshold_value: float
    severity: Severity
    status: EventStatus
    value: float | None
    peak_value: float | None
    impact: float | None = None
    impact_expected: float | None = None
    impact_unit: str | None = None
    impact_since: datetime | None = None
    impact_until: datetime | None = None
    group: dict[str, str | None]
    window_start: datetime | None
    window_end: datetime | None
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    comment: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    restated_at: datetime | None = None
    restated_value: float | None = None
    retracted: bool | None = None


# Those that an event has only where the first of them is there.
_IMPACT = ("impact", "impact_expected", "impact_unit", "impact_since", "impact_until")
_RESTATEMENT = ("restated_at", "restated_value", "retracted")


class TransitionOut(BaseModel):
    """A step in the history of an event, and why it was taken."""

    at: datetime
    transition: str
    reason: str
    actor: str | None
    comment: str | None
    value: float | None


class EventDetail(EventOut):
    """An event with what it watched and its history, oldest first."""

    unit: str | None
    compared: ComparedOut | None
    aggregation: str
    window: str
    history: list[TransitionOut]


class EventAnswer(Item[EventOut]):
    """One event."""


class EventDetailAnswer(Item[EventDetail]):
    """One event with its history."""


class EventPage(Listing[EventOut]):
    """A page of events."""


class EventList(BaseModel):
    """The events that were changed, newest first."""

    success: bool = True
    data: list[EventOut]
    count: int


class EventParams(DateRange):
    """``GET /api/alerts/events``; the dates are those of opening."""

    status: EventStatus | None = None
    severity: Severity | None = None
    rule_id: int | None = Field(None, ge=1, le=MAX_ID)
    metric_name: Text | None = None
    limit: int = Field(100, ge=1, le=MAX_EVENTS)
    cursor: str | None = None


class Remark(BaseModel):
    """A remark on an event."""

    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _storable(self) -> "Remark":
        if self.comment and "\0" in self.comment:
            raise ValueError(Message("The character NUL cannot be stored"))
        return self


class ManyEvents(DateRange):
    """The events to acknowledge or resolve: by their numbers or by filters, of which at least one
    is given; a remark on all of them.
    """

    ids: (
        Annotated[
            list[Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]],
            Field(min_length=1, max_length=MOST),
        ]
        | None
    ) = None
    status: EventStatus | None = None
    severity: Severity | None = None
    rule_id: Annotated[int, Field(strict=True, ge=1, le=MAX_ID)] | None = None
    metric_name: Text | None = None
    comment: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def _said_which(self) -> "ManyEvents":
        given = self.model_dump(exclude={"ids", "comment"}, exclude_none=True)
        if (self.ids is None) == (not given):
            raise ValueError(Message("Give either ids or filters"))
        return self


class DeliveryOut(BaseModel):
    """An attempt to notify a recipient; without `outcome` it still waits for its first."""

    delivery: str = Field(description="The same on every attempt; receivers see it, too")
    transition: str
    channel: str
    recipient: str = Field(description="Empty: the configured default")
    status: str = Field(description="waiting, sent or dead")
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    attempted_at: datetime | None
    outcome: str | None
    detail: str | None
    duration_ms: float | None


class DeliveryList(Listing[DeliveryOut]):
    """Attempts, newest first."""


class SilenceIn(BaseModel):
    """Mutes what matches everything that is given, from `starts_at` (now if absent) to `ends_at`,
    which only a recurring one may leave out.
    """

    model_config = ConfigDict(extra="forbid")

    rule_id: Annotated[int, Field(strict=True, ge=1, le=MAX_ID)] | None = None
    metric_name: Text | None = None
    severity: Severity | None = None
    service_name: Text | None = None
    group: dict[Text, Text] = Field(
        default_factory=dict,
        max_length=10,
        description="Labels and dimensions of the group or the rule, (none) for those without",
    )
    schedule: Schedule | None = Field(
        None, description="Only in these hours of the business time zone"
    )
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    comment: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""


class SilenceOut(BaseModel):
    """A silence."""

    id: int
    rule_id: int | None
    metric_name: str | None
    severity: str | None
    service_name: str | None
    group: dict[str, str]
    schedule: Schedule | None
    starts_at: datetime
    ends_at: datetime | None
    comment: str
    created_by: str
    created_at: datetime


class SilenceAnswer(Item[SilenceOut]):
    """One silence."""


class SilenceList(Listing[SilenceOut]):
    """Silences, newest first."""


def event_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """An event's row as it is answered."""
    renamed = {"id": "event_id", "group": "group_labels"}
    plain = {name: row[renamed.get(name, name)] for name in EventOut.model_fields}
    edges = ("window_start", "window_end", "opened_at", "acknowledged_at", "resolved_at")
    times = instants(row, *edges, "impact_since", "impact_until", "restated_at")
    absent = {name for names in (_IMPACT, _RESTATEMENT) if row[names[0]] is None for name in names}
    return {name: value for name, value in (plain | times).items() if name not in absent}


def transition_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A step of an event's history as it is answered."""
    return {name: row[name] for name in TransitionOut.model_fields} | instants(row, "at")


def delivery_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery's row as it is answered."""
    plain = {name: row[name] for name in DeliveryOut.model_fields if name != "delivery"}
    times = instants(row, "next_attempt_at", "created_at", "attempted_at")
    return {"delivery": str(row["notification_id"])} | plain | times


def silence_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A silence's row as it is answered."""
    renamed = {"id": "silence_id", "group": "group_labels"}
    plain = {name: row[renamed.get(name, name)] for name in SilenceOut.model_fields}
    if row["schedule"] is not None:
        plain["schedule"] = Schedule.model_validate(row["schedule"]).model_dump()
    return plain | instants(row, "starts_at", "ends_at", "created_at")
