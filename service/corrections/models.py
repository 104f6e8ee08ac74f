"""Bodies, parameters and answers of the endpoints that correct samples."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from alerts.fields import Number, Text, checked_text
from service.explore.models import Filters, Sample
from service.http.envelopes import Item, Listing
from service.http.instants import instants
from service.http.pagination import cursor_of, position_of
from service.http.parameters import DateRange
from service.metrics.catalog import MetricEntry
from service.metrics.corrections.selections import VoidSpec
from service.metrics.corrections.voids import VoidFilters, VoidPage
from service.metrics.query.samples import Position
from service.metrics.query.selection import select
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope

MAX_VOIDS = 1000
_LISTING = "voids"

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    BeforeValidator(checked_text),
]


class VoidIn(BaseModel):
    """``POST /api/metrics/{metric_id}/void``."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class ReplaceIn(VoidIn):
    """``POST /api/metrics/{metric_id}/replace``."""

    value: Number


class VoidManyIn(Filters):
    """``POST /api/metrics/void``; dimensions of the metric are filters, too."""

    model_config = ConfigDict(extra="allow")

    metric_name: str = Field(min_length=1)
    reason: Reason
    dry_run: bool = Field(False, description="Only count")

    def spec(self, metric: MetricEntry, scope: Scope, zone: ZoneInfo) -> VoidSpec:
        """The samples that are meant.

        Raises:
            Invalid: the range or a filter is none.
        """
        self.check(zone)
        extra = self.model_extra or {}
        check_filters(extra, metric.dimensions)
        return VoidSpec(
            metric_name=metric.metric_name,
            selection=select(scope, metric, {**self.labels, **extra}),
            since=self.since(zone),
            before=self.before(zone),
            reason=self.reason,
        )


class VoidJob(BaseModel):
    """A void of very many samples, and how far it came."""

    id: int
    status: Literal["running", "done"]
    metric_name: str
    reason: str
    voided_by: str
    count: int
    sum: float | None
    done: int
    created_at: datetime
    ended_at: datetime | None


class VoidManyAnswer(BaseModel):
    """How many samples, and their sum (null: of several units); the job where they are many."""

    success: bool = True
    count: int
    sum: float | None
    data: VoidJob | None = None


class VoidJobAnswer(Item[VoidJob]):
    """How far the void came."""


class Void(Sample):
    """A sample that counts nowhere any more; `replaced_by` is the id of the one in its place."""

    reason: str
    voided_by: str
    voided_at: datetime
    replaced_by: int | None
    new_value: float | None


class VoidAnswer(Item[Void]):
    """The sample that was voided."""


class VoidListing(Listing[Void]):
    """A page of voids, newest first."""


class Replaced(BaseModel):
    """The new sample, and the one that it stands for."""

    success: bool = True
    metric_id: int
    replaces: int


class VoidParams(DateRange):
    """``GET /api/metrics/voids``; dates are of the voids."""

    metric_name: Text | None = None
    voided_by: Text | None = Field(None, description="Only what this one voided, such as user:3")
    limit: int = Field(100, ge=1, le=MAX_VOIDS)
    cursor: str | None = Field(None, description="next_cursor of the page before")

    def filters(self, zone: ZoneInfo) -> VoidFilters:
        """The filters, with bare dates as days in `zone`.

        Raises:
            Invalid: the range ends before it starts.
        """
        self.check(zone)
        return VoidFilters(
            metric_name=self.metric_name,
            voided_by=self.voided_by,
            since=self.since(zone),
            before=self.before(zone),
        )

    def after(self) -> Position | None:
        """The void that the page before ended with.

        Raises:
            Invalid: the cursor is none.
        """
        cursor = self.cursor
        return None if cursor is None else Position(*position_of(_LISTING, cursor))


def check_filters(given: Mapping[str, object], names: Collection[str]) -> None:
    """Refuse fields that are no filters.

    Raises:
        Invalid: some are none of `names`, or no text.
    """
    problems = [
        Problem(Message("Unknown field"), name)
        for name, value in given.items()
        if name not in names or not isinstance(value, str)
    ]
    if problems:
        raise Invalid(*problems)


def cursor_behind(page: VoidPage) -> str | None:
    """The cursor of the next page; None behind the last."""
    return page.next and cursor_of(_LISTING, *page.next)


def void_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A void's row as it is answered."""
    plain = {name: row[name] for name in Void.model_fields}
    return plain | instants(row, "timestamp", "voided_at")


def job_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A job's row as it is answered."""
    return {
        "id": row["job_id"],
        "status": row["status"],
        "metric_name": row["metric_name"],
        "reason": row["reason"],
        "voided_by": row["actor"],
        "count": row["total"],
        "sum": row["total_value"],
        "done": row["done"],
        **instants(row, "created_at", "ended_at"),
    }
