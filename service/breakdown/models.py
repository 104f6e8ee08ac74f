"""Parameters and answer of the breakdown endpoint."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from service.explore.group_cursors import after_of
from service.explore.models import Filters
from service.http.files import FileParams
from service.metrics.catalog import MetricEntry
from service.metrics.query.breakdown import MAX_GROUP_BY, BreakdownQuery, RankOrder
from service.metrics.query.ranges import days_or_hours
from service.metrics.query.spec import aggregate_query
from sql.calendar import HourOrLonger
from sql.errors import Invalid, Problem
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import MAX_ROWS, Aggregation, Comparison


class BreakdownParams(Filters, FileParams):
    """``GET /api/metrics/breakdown``."""

    metric_name: str = Field(min_length=1)
    group_by: list[str] = Field(
        min_length=1,
        max_length=MAX_GROUP_BY,
        description="service_name, affiliate_id, region, unit or a dimension; up to three",
    )
    aggregation: Aggregation | None = Field(
        None, description="The catalogue's default for the metric if absent"
    )
    period: HourOrLonger | None = Field(
        None,
        description="The range is widened to whole ones; days if absent, hours where it begins or "
        "ends within a day",
    )
    compare: Comparison | None = Field(
        None, description="The range that `baseline` is of; needs start_date"
    )
    order: RankOrder = Field(
        "value", description="The largest first, names from A to Z; `-` reverses"
    )
    search: str = Field("", max_length=200, description="Groups with a label that contains it")
    tz: str | None = Field(None, description="Another time zone than the business one")
    limit: int = Field(100, ge=1, le=MAX_ROWS)
    cursor: str | None = None

    def query(
        self, metric: MetricEntry, dimensions: Mapping[str, str], scope: Scope, zone: ZoneInfo
    ) -> BreakdownQuery:
        """The breakdown that is asked for; `dimensions` are those of the metric.

        Raises:
            Invalid: the range, a filter, a group or the cursor is none.
        """
        self.check(zone)
        since, before = self.since(zone), self.before(zone)
        if self.compare and since is None:
            raise Invalid(Problem(Message("Give it to compare with another range"), "start_date"))
        figures = aggregate_query(
            metric,
            scope,
            zone,
            filters={**self.labels, **dimensions},
            aggregation=self.aggregation,
            period=self.period or days_or_hours(since, before, zone),
            since=since,
            before=before,
            group_by=self.group_by,
        )
        return BreakdownQuery(
            figures,
            self.compare,
            self.order,
            self.limit,
            None if self.cursor is None else after_of(self.cursor, self.order, len(self.group_by)),
            self.search,
            any_period=self.period is None,
        )


class BreakdownRow(BaseModel):
    """A group, with its fields; `share` of the total as a ratio."""

    value: float | None
    share: float | None
    baseline: float | None
    change: float | None
    change_percent: float | None


class BreakdownOthers(BreakdownRow):
    """The groups behind the page as one."""

    groups: int = Field(description="How many they are")


class Baseline(BaseModel):
    """A range that is compared with."""

    start: datetime = Field(description="Its first instant")
    end: datetime = Field(description="The first instant after it")


class BreakdownAnswer(BaseModel):
    """Groups in their order."""

    success: bool = True
    data: list[BreakdownRow]
    count: int
    groups: int = Field(description="How many could be listed on all pages")
    total: BreakdownRow
    others: BreakdownOthers
    next_cursor: str | None
    metric_name: str
    aggregation: str
    period: str
    unit: str | None
    timezone: str
    start: datetime | None = Field(description="The first instant of the range; null: of all times")
    end: datetime = Field(description="The first instant after the range")
    compare: str | None
    baselines: list[Baseline]
    pending: bool = Field(
        False, description="Late samples do not count yet, so that nothing is said of changes"
    )
