"""Bodies, parameters and answers of the endpoints of annotations."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.fields import Text
from service.http.envelopes import Item, Listing
from service.http.instants import Instant, instants
from service.http.parameters import DateRange
from service.metrics.annotations import NewAnnotation
from sql.messages import Message

Tag = Annotated[Text, Field(max_length=50)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")]
Said = Annotated[Text, Field(max_length=1000)]
MAX_TAGS = 20


class AnnotationIn(BaseModel):
    """What happened: `at` an instant, or `from` one `to` another."""

    model_config = ConfigDict(extra="forbid")

    at: Instant | None = None
    since: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    text: Said
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS)] = []
    metric_name: Name | None = Field(None, description="Drawn on charts of it alone; else on all")
    service_name: Text | None = Field(None, description="The service that it is about")

    @model_validator(mode="after")
    def _one_of_both(self) -> "AnnotationIn":
        is_span = self.since is not None and self.to is not None
        if (self.at is None) != is_span or (self.at and (self.since or self.to)):
            raise ValueError(Message("Give at, or both from and to"))
        if self.since and self.to and self.to < self.since:
            raise ValueError(Message("to is before from"))
        return self

    def new(self) -> NewAnnotation:
        """What is to be kept."""
        since, until = self.at or self.since, self.at or self.to
        assert since is not None
        assert until is not None
        return NewAnnotation(
            since.astimezone(UTC),
            until.astimezone(UTC),
            self.text,
            list(dict.fromkeys(self.tags)),
            self.metric_name,
            self.service_name,
        )


class AnnotationParams(DateRange):
    """``GET /api/annotations``: those that reach into the range."""

    metric_name: Name | None = Field(None, description="Those about it, and those about all")
    service_name: Text | None = None
    tag: Tag | None = Field(None, description="Only those with this tag")
    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = None


class AnnotationOut(BaseModel):
    """What happened; an instant has `at`, anything longer `from` and `to`."""

    id: int
    at: datetime | None
    since: datetime | None = Field(alias="from")
    to: datetime | None
    text: str
    tags: list[str]
    metric_name: str | None
    service_name: str | None
    created_by: str
    created_at: datetime


class AnnotationAnswer(Item[AnnotationOut]):
    """One annotation."""


class AnnotationList(Listing[AnnotationOut]):
    """Annotations, newest first."""


def annotation_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is answered."""
    edges = instants(row, "since", "until")
    is_instant = edges["since"] == edges["until"]
    plain = {name: row[name] for name in ("text", "tags", "metric_name", "service_name")}
    return {
        "id": row["annotation_id"],
        "at": edges["since"] if is_instant else None,
        "from": None if is_instant else edges["since"],
        "to": None if is_instant else edges["until"],
        **plain,
        "created_by": row["created_by"],
        **instants(row, "created_at"),
    }
