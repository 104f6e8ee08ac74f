"""Parameters and answer of the forecast endpoint."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.metrics.catalog import MetricEntry
from service.metrics.forecasts import ForecastQuery
from sql.calendar import LongPeriod
from sql.messages import Message
from sql.scope import Scope
from sql.vocabulary import Aggregation, Frequency, MetricType

MAX_HORIZON = 400
# Fourteen days, or the next period.
_HORIZONS: dict[LongPeriod, int] = {"hour": 336, "day": 14, "week": 2, "month": 1}
_FILTERS = ("metric_type", "service_name", "affiliate_id", "region", "unit", "frequency")


def _with_history(period: object) -> object:
    if period in ("quarter", "year"):
        raise ValueError(Message("Quarters and years have too little history: ask for months"))
    return period


class ForecastParams(BaseModel):
    """``GET /api/metrics/forecast``."""

    model_config = ConfigDict(extra="forbid")

    metric_name: str = Field(min_length=1)
    metric_type: MetricType | None = None
    service_name: str | None = None
    affiliate_id: str | None = None
    region: str | None = None
    unit: str | None = None
    frequency: Frequency | None = None
    aggregation: Aggregation | None = Field(
        None, description="The catalogue's default for the metric if absent"
    )
    period: Annotated[LongPeriod, BeforeValidator(_with_history)] = "day"
    horizon: int | None = Field(
        None, ge=1, le=MAX_HORIZON, description="Periods ahead; 14 days' worth if absent"
    )
    level: float = Field(
        0.9, gt=0, lt=1, description="The share of values that the band is to cover"
    )
    group_by: list[str] = Field(
        default_factory=list,
        description="service_name, affiliate_id, region, unit or a dimension; repeatable",
    )
    tz: str | None = Field(None, description="Another time zone than the business one")

    def query(
        self, metric: MetricEntry, dimensions: Mapping[str, str], scope: Scope, zone: ZoneInfo
    ) -> ForecastQuery:
        """The forecast that is asked for; `dimensions` are those of the metric."""
        return ForecastQuery(
            metric,
            scope,
            zone,
            self.period,
            self.horizon or _HORIZONS[self.period],
            self.level,
            self.aggregation,
            {**{name: getattr(self, name) for name in _FILTERS}, **dimensions},
            tuple(self.group_by),
        )


class ForecastRow(BaseModel):
    """The expected value of one period and its band; with `group_by`, also the group's fields."""

    period: str
    value: float
    lower: float
    upper: float
    start: datetime
    end: datetime


class ForecastHistory(BaseModel):
    """The complete periods that a forecast is made of."""

    periods: int
    since: datetime = Field(alias="from")


class ForecastAccuracy(BaseModel):
    """Measured on the series itself, at `folds` earlier moments: the mean absolute error over that
    of repeating the last season (`mase`, null where that makes none), and the share of values
    within the band (`coverage`).
    """

    mase: float | None
    coverage: float
    folds: int


class ForecastOfGroup(BaseModel):
    """The model of one group; with `group_by`, also the group's fields."""

    model: str
    unit: str | None
    history: ForecastHistory
    accuracy: ForecastAccuracy


class ForecastAnswer(BaseModel):
    """Values of the periods to come, the current one first. `model`, `history` and `accuracy` are
    those of the one series; with `group_by` they are null, and in `groups` for each.
    """

    success: bool = True
    data: list[ForecastRow]
    metric_name: str
    aggregation: str
    period: str
    timezone: str
    level: float
    unit: str | None
    model: str | None
    history: ForecastHistory | None
    accuracy: ForecastAccuracy | None
    groups: list[ForecastOfGroup] = []
