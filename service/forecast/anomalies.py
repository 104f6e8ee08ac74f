"""Unusual values of a metric: parameters and answer of /api/metrics/anomalies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from alerts.expectation.sensitivity import Sensitivity
from service.explore.models import Filters
from service.metrics.catalog import MetricEntry
from service.metrics.query.spec import AggregateQuery, aggregate_query
from sql.calendar import Period
from sql.scope import Scope
from sql.vocabulary import ADDING, Aggregation


class AnomaliesParams(Filters):
    """``GET /api/metrics/anomalies``."""

    metric_name: str = Field(min_length=1)
    aggregation: Aggregation | None = Field(
        None, description="The catalogue's default for the metric if absent"
    )
    period: Period = "day"
    sensitivity: Sensitivity = Field(
        "medium", description="high tells of what is a little unusual as well"
    )
    group_by: list[str] = Field(
        default_factory=list,
        description="service_name, affiliate_id, region, unit or a dimension; repeatable",
    )
    tz: str | None = Field(None, description="Another time zone than the business one")

    def query(
        self, metric: MetricEntry, dimensions: Mapping[str, str], scope: Scope, zone: ZoneInfo
    ) -> AggregateQuery:
        """The values that are judged; `dimensions` are those of the metric.

        Raises:
            Invalid: the range, a filter or a group is none.
        """
        self.check(zone)
        aggregation = self.aggregation or metric.default_aggregation
        return aggregate_query(
            metric,
            scope,
            zone,
            filters={**self.labels, **dimensions},
            aggregation=aggregation,
            period=self.period,
            since=self.since(zone),
            before=self.before(zone),
            group_by=self.group_by,
            fill="zero" if aggregation in ADDING and self.period != "minute" else "none",
        )


class AnomalyRow(BaseModel):
    """An unusual period: its value, what was expected before it began, and the values below and
    above which it is unusual; with `group_by`, also the group's fields.
    """

    period: str
    value: float
    expected: float
    lower: float | None
    upper: float | None
    score: float = Field(description="How rare it is: one period in ten to that power")
    direction: Literal["below", "above"]
    start: datetime
    end: datetime


class AnomaliesAnswer(BaseModel):
    """The unusual ones of the complete periods, oldest first."""

    success: bool = True
    data: list[AnomalyRow]
    metric_name: str
    aggregation: str
    period: str
    timezone: str
    sensitivity: str
    unit: str | None
