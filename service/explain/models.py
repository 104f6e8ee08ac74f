"""Parameters and answer of the explain endpoint."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from service.explore.models import Filters
from service.http.parameters import Moment
from service.metrics.catalog import MetricEntry
from service.metrics.explanations import MAX_DIMENSIONS, ExplanationQuery
from service.metrics.query.ranges import Span, days_or_hours
from sql import calendar
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import Aggregation, Comparison


class ExplainParams(Filters):
    """``GET /api/metrics/explain``."""

    metric_name: str = Field(min_length=1)
    start_date: Moment
    aggregation: Aggregation | None = Field(
        None, description="The catalogue's default for the metric if absent; not min or max"
    )
    compare: Comparison = Field("previous_period", description="The range that `baseline` is of")
    dimensions: list[str] = Field(
        default_factory=list,
        max_length=MAX_DIMENSIONS,
        description="service_name, affiliate_id, region, unit or a dimension, that may account for "
        "it; repeatable; all that no filter says if absent",
    )
    tz: str | None = Field(None, description="Another time zone than the business one")

    def query(
        self,
        metric: MetricEntry,
        dimensions: Mapping[str, str],
        scope: Scope,
        zone: ZoneInfo,
        now: datetime,
    ) -> ExplanationQuery:
        """The change that is to be explained, up to `now` where no end is given; `dimensions` are
        those of the metric that are filtered by.

        Raises:
            Invalid: the range is none.
        """
        self.check(zone)
        since, before = self.since(zone), self.before(zone)
        assert since is not None
        if before is None:
            period = days_or_hours(since, None, zone)
            before = calendar.ceiling(now, period, zone).astimezone(UTC)
        if before <= since:
            raise Invalid(Problem(Message("It lies ahead"), "start_date"))
        return ExplanationQuery(
            metric,
            scope,
            zone,
            Span(since, before),
            self.compare,
            self.aggregation,
            {**self.labels, **dimensions},
            self.dimensions or None,
        )


class ExplainContributor(BaseModel):
    """A set of labels that accounts for a part of the change."""

    labels: dict[str, str | None] = Field(description="Up to three; null: without such a label")
    value: float | None
    baseline: float | None
    change: float | None
    share_of_change: float | None = Field(
        description="How much of the whole change it makes, as a ratio: of a mean, the part that "
        "there would not be had it kept its own"
    )


class ExplainRange(BaseModel):
    """A range that is compared with."""

    start: datetime = Field(description="Its first instant")
    end: datetime = Field(description="The first instant after it")


class ExplainAnswer(BaseModel):
    """A change and the sets of labels that account for it, the likeliest first."""

    success: bool = True
    value: float | None
    baseline: float | None
    change: float | None
    contributors: list[ExplainContributor]
    unexplained: float | None = Field(description="What the contributors leave of the change")
    metric_name: str
    aggregation: str
    period: str = Field(description="The range is widened to whole ones")
    unit: str | None
    timezone: str
    start: datetime = Field(description="The first instant of the range")
    end: datetime = Field(description="The first instant after the range")
    compare: str
    baselines: list[ExplainRange]
    dimensions: list[str]
