"""Bodies and answers of the endpoints of targets."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.fields import Number, Text
from service.http.envelopes import Item, Listing
from service.http.instants import instants
from service.http.responses import utc_instant
from service.metrics.targets.progress import Progress
from service.metrics.targets.store import EDITED
from service.metrics.targets.target import Direction, TargetPeriod
from sql.messages import Message
from sql.vocabulary import Aggregation

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]
Dimensions = Annotated[dict[Text, Text], Field(max_length=20)]
# The columns of days, by what bodies call them.
_DAYS = {"from": "since", "to": "until"}


class _Optional(BaseModel):
    model_config = ConfigDict(extra="forbid")

    aggregation: Aggregation | None = None
    service_name: Text | None = None
    affiliate_id: Text | None = None
    region: Text | None = None
    unit: Text | None = None
    filters: Dimensions = Field({}, description="Dimensions of the metric")
    since: Day | None = Field(None, alias="from", description="The first day that it holds")
    to: Day | None = Field(None, description="The last day that it holds")

    def values(self) -> dict[str, Any]:
        """What is given, by column."""
        given = self.model_dump(exclude_unset=True)
        return {_DAYS.get(name, name): value for name, value in given.items()}


class TargetIn(_Optional):
    """A target to be kept."""

    name: Text = Field(description="Unique in the tenant")
    metric_name: Name
    period: TargetPeriod
    value: Number = Field(description="What is to be reached in each period, or not exceeded")
    direction: Direction = "at_least"

    @model_validator(mode="after")
    def _in_order(self) -> "TargetIn":
        if self.since and self.to and self.to < self.since:
            raise ValueError(Message("to is before from"))
        return self

    def columns(self) -> dict[str, Any]:
        """All columns that are edited."""
        return {_DAYS.get(name, name): value for name, value in self.model_dump().items()}


class TargetPatch(_Optional):
    """Changes to a target; what is absent stays, null takes away."""

    name: Text | None = None
    metric_name: Name | None = None
    period: TargetPeriod | None = None
    value: Number | None = None
    direction: Direction | None = None

    @model_validator(mode="after")
    def _kept(self) -> "TargetPatch":
        needed = ("name", "metric_name", "period", "value", "direction", "filters")
        for name in needed:
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(Message("{name} cannot be taken away", {"name": name}))
        return self


class TargetOut(TargetIn):
    """A target."""

    id: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class ProjectionOut(BaseModel):
    """Where the period will end, with a band that covers 90 % of the ends."""

    value: float
    lower: float
    upper: float


class ProgressOut(BaseModel):
    """How far a target came in the period that it is in."""

    value: float | None
    target: float
    expected_by_now: float = Field(
        description="What of the target is to be expected by now, by the metric's own daily and "
        "weekly shape; of what does not add up the target"
    )
    pace_percent: float | None = Field(description="The value in percent of it")
    projection: ProjectionOut | None = Field(description="null: too little history")
    on_track: bool | None = Field(description="Whether the projection meets the target")
    start: datetime = Field(description="The first instant of the period")
    end: datetime = Field(description="The first instant after it")
    unit: str | None


class TargetAnswer(Item[TargetOut]):
    """One target."""


class TargetList(Listing[TargetOut]):
    """Every target, newest first."""


class ProgressAnswer(Item[ProgressOut]):
    """The progress of one target."""


def target_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A target's row as it is answered."""
    return {
        "id": row["target_id"],
        **{name: row[name] for name in EDITED if name not in _DAYS.values()},
        **{name: row[column] and row[column].isoformat() for name, column in _DAYS.items()},
        "created_by": row["created_by"],
        "updated_by": row["updated_by"],
        **instants(row, "created_at", "updated_at"),
    }


def progress_out(target: float, progress: Progress) -> dict[str, Any]:
    """Progress as it is answered."""
    return {
        "value": progress.value,
        "target": target,
        "expected_by_now": progress.expected_by_now,
        "pace_percent": progress.pace_percent,
        "projection": progress.projection and progress.projection._asdict(),
        "on_track": progress.on_track,
        "start": utc_instant(progress.span.since),
        "end": utc_instant(progress.span.before),
        "unit": progress.unit,
    }
