"""Parameters and answers of the reading endpoints, and the queries that they stand for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from service.http.files import MAX_FILE_ROWS, FileParams
from service.http.pagination import position_of
from service.http.parameters import DateRange
from service.metrics.catalog import MetricEntry
from service.metrics.query.samples import Position, SampleQuery
from service.metrics.query.selection import select
from service.metrics.query.spec import AggregateQuery, aggregate_query
from sql.calendar import Period
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import MAX_ROWS, Aggregation, Fill, Frequency, MetricType, Order

LABELS = ("metric_type", "service_name", "affiliate_id", "region", "unit", "frequency")


class Filters(DateRange):
    """Which series: each filter that is given must match exactly."""

    metric_name: str | None = None
    metric_type: MetricType | None = None
    service_name: str | None = None
    affiliate_id: str | None = None
    region: str | None = None
    unit: str | None = None
    frequency: Frequency | None = None

    @property
    def labels(self) -> dict[str, str | None]:
        """The filters but for the metric."""
        return {name: getattr(self, name) for name in LABELS}


class QueryParams(Filters, FileParams):
    """``GET /api/metrics/query``."""

    limit: int = Field(
        100, ge=1, le=MAX_FILE_ROWS, description=f"More than {MAX_ROWS:,} only of files"
    )
    order: Order = "desc"
    cursor: str | None = None

    def query(
        self,
        metric: MetricEntry | None,
        dimensions: Mapping[str, str],
        scope: Scope,
        zone: ZoneInfo,
    ) -> SampleQuery:
        """The samples that are asked for; `dimensions` are those of the metric.

        Raises:
            Invalid: the range, a filter or the cursor is none.
        """
        self.check(zone)
        if self.limit > MAX_ROWS and not self.is_file:
            message = Message("Beyond {number} samples, ask for a file", {"number": MAX_ROWS})
            raise Invalid(Problem(message, "limit"))
        cursor = self.cursor
        after = None if cursor is None else Position(*position_of(listing(self.order), cursor))
        return SampleQuery(
            selection=select(scope, metric, {**self.labels, **dimensions}),
            since=self.since(zone),
            before=self.before(zone),
            order=self.order,
            limit=self.limit,
            after=after,
        )


class AggregateParams(Filters, FileParams):
    """``GET /api/metrics/aggregate``."""

    metric_name: str = Field(min_length=1)
    aggregation: Aggregation | None = Field(
        None, description="The catalogue's default for the metric if absent"
    )
    period: Period = "day"
    group_by: list[str] = Field(
        default_factory=list,
        description="service_name, affiliate_id, region, unit or a dimension; repeatable",
    )
    tz: str | None = Field(None, description="Another time zone than the business one")
    fill: Fill = "none"
    expected: bool = Field(
        False, description="Also what was expected before each period began, and how complete it is"
    )
    limit: int = Field(
        MAX_ROWS, ge=1, le=MAX_ROWS, description="The newest rows are kept where there are more"
    )

    def query(
        self, metric: MetricEntry, dimensions: Mapping[str, str], scope: Scope, zone: ZoneInfo
    ) -> AggregateQuery:
        """The values that are asked for; `dimensions` are those of the metric.

        Raises:
            Invalid: the range, a filter or a group is none.
        """
        self.check(zone)
        return aggregate_query(
            metric,
            scope,
            zone,
            filters={**self.labels, **dimensions},
            aggregation=self.aggregation,
            period=self.period,
            since=self.since(zone),
            before=self.before(zone),
            group_by=self.group_by,
            fill=self.fill,
            limit=self.limit,
        )


def listing(order: Order) -> str:
    """The name in cursors of samples in that order."""
    return f"samples.{order}"


class Sample(BaseModel):
    """One sample as submitted."""

    id: int
    metric_name: str
    metric_type: str
    value: float
    unit: str | None
    frequency: str
    timestamp: datetime
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    metadata: dict[str, Any] | None


class SamplePage(BaseModel):
    """A page of samples."""

    success: bool = True
    data: list[Sample]
    count: int
    next_cursor: str | None


class PeriodRow(BaseModel):
    """The value of one period; with `group_by`, also the group's fields. With `expected=true` what
    was expected before it began, in a band of 90 %, null where too little was known; and of what
    usually reports by then, how much has, 0 to 1, null where nobody knows what does.
    """

    period: str
    value: float | None
    start: datetime
    end: datetime
    complete: bool
    closed: bool = Field(False, description="true: the period is closed, its value final")
    expected: float | None = Field(None, description="What was expected before the period began")
    lower: float | None = None
    upper: float | None = None
    completeness: float | None = Field(
        None, description="Of what usually reports by then, how much has, 0 to 1"
    )


class AggregateAnswer(BaseModel):
    """Values per period, oldest first."""

    success: bool = True
    data: list[PeriodRow]
    aggregation: str
    period: str
    metric_name: str
    unit: str | None
    timezone: str
    materialized_until: datetime | None
    omitted_frequencies: list[str] = []
    truncated: bool = False
    missing_members: list[str] = Field(
        default=[], description="Of a hub: who did not answer, whose samples are in no value"
    )
