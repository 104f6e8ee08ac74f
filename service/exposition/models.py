"""Parameters of the exposition, and the query that they stand for."""

from pydantic import BaseModel, ConfigDict, Field

from service.metrics.newest import NewestQuery
from sql.calendar import Period
from sql.scope import Scope
from sql.vocabulary import Aggregation

MAX_METRICS = 100
_FILTERS = ("service_name", "affiliate_id", "region", "unit")


class ExpositionParams(BaseModel):
    """``GET /metrics/business``."""

    model_config = ConfigDict(extra="forbid")

    metric: list[str] = Field(
        min_length=1, max_length=MAX_METRICS, description="Which metrics; repeatable"
    )
    period: Period = "day"
    aggregation: Aggregation | None = Field(
        None, description="The catalogue's default for each metric if absent"
    )
    group_by: list[str] = Field(
        default_factory=list,
        description="service_name, affiliate_id, region or a dimension; repeatable",
    )
    service_name: str | None = None
    affiliate_id: str | None = None
    region: str | None = None
    unit: str | None = None

    def query(self, scope: Scope) -> NewestQuery:
        """The values that are asked for."""
        return NewestQuery(
            tuple(dict.fromkeys(self.metric)),
            scope,
            self.period,
            self.aggregation,
            {name: getattr(self, name) for name in _FILTERS},
            tuple(self.group_by),
        )
