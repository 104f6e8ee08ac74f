"""The rules of a mapping, as people write them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from service.metrics.mapping.point import Form
from sql.vocabulary import Frequency, Kind, MetricType

MAX_RULES = 1000
MAX_STARS = 3

_CONTRADICTIONS = {("gauge", "flow"), ("cumulative", "stock"), ("cumulative", "ratio")}


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Tag = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Tag], BeforeValidator(_as_list), Field(max_length=50)]


class LabelRules(BaseModel):
    """The tags that become labels: of several names the first that a point has."""

    model_config = ConfigDict(extra="forbid")

    service_name: Names = ["service_name", "service", "service.name"]
    affiliate_id: Names = ["affiliate_id"]
    region: Names = ["region"]


class MetricRule(BaseModel):
    """Which foreign names are taken, and as what; what is left out follows the catalogue."""

    model_config = ConfigDict(extra="forbid")

    match: Annotated[str, Field(min_length=1, max_length=200)]
    take: bool = True
    metric: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:*-]{1,200}$")] | None = None
    type: MetricType | None = None
    unit: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    frequency: Frequency | None = None
    kind: Kind | None = None
    form: Form | None = None
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    labels: LabelRules | None = None
    dimensions: Annotated[
        dict[Tag, Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]], Field(max_length=20)
    ] = {}
    drop: Names = []

    @model_validator(mode="after")
    def _fits(self) -> "MetricRule":
        if self.metric and self.metric.count("*") > min(self.match.count("*"), 1):
            raise ValueError("metric may have one *, for the first * of match")
        if self.match.count("*") > MAX_STARS:
            raise ValueError(f"match may have {MAX_STARS} * at most")
        if not self.take and self.model_fields_set - {"match", "take"}:
            raise ValueError("a name that is not taken has nothing but match and take")
        if (self.form, self.kind) in _CONTRADICTIONS:
            raise ValueError(f"a {self.form} cannot be a {self.kind}")
        return self


class MappingRules(BaseModel):
    """A whole mapping. `others` are names that no rule matches: `typed` takes those whose type is
    known, `none` takes none.
    """

    model_config = ConfigDict(extra="forbid")

    others: Literal["typed", "none"] = "typed"
    labels: LabelRules = LabelRules()
    drop: Names = []
    ignore: Names = []
    metrics: Annotated[list[MetricRule], Field(max_length=MAX_RULES)] = []
