"""The configuration of a dashboard: a versioned document, checked whole."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from alerts.fields import Text
from service.metrics.query.ranges import RangeName
from sql.calendar import Period
from sql.messages import Message
from sql.vocabulary import Aggregation, Fill

COLUMNS = 12
MAX_PANELS = 50
MAX_QUERIES = 8

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Refresh = Literal["30s", "1m", "5m", "15m", "1h"]
Compare = Literal["none", "previous_period", "previous_day", "previous_week", "previous_year"]


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError(Message("Something is named twice"))
    return names


class Part(BaseModel):
    """A part of a dashboard; unknown names are errors."""

    model_config = ConfigDict(extra="forbid")


# As in the API; further away days cannot be counted on from.
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]


class TimeRange(Part):
    """A range that moves with the clock, or the days from `start_date` to `end_date`."""

    last: RangeName | None = None
    start_date: Day | None = None
    end_date: Day | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "TimeRange":
        fixed = self.start_date is not None and self.end_date is not None
        some = self.start_date is not None or self.end_date is not None
        if (self.last is None) != fixed or (self.last is not None and some):
            raise ValueError(Message("Give last, or both start_date and end_date"))
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise ValueError(Message("end_date is before start_date"))
        return self


class Variable(Part):
    """Something the reader chooses: the value of `field` where a filter says ``$name``. With
    no value chosen such a filter lets everything through.
    """

    name: Slug
    label: Text
    field: Text = Field(description="service_name, affiliate_id, region, unit or a dimension")
    default: Text | None = None


class Query(Part):
    """Figures of one metric, as ``GET /api/metrics/aggregate`` answers them."""

    metric_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")]
    label: Text | None = None
    aggregation: Aggregation | None = None
    period: Period | Literal["auto"] = "auto"
    filters: Annotated[dict[Text, Text], Field(max_length=20)] = {}
    group_by: Annotated[list[Text], Field(max_length=4), AfterValidator(_distinct)] = []
    fill: Fill = "none"


class _Panel(Part):
    id: Slug
    title: Text


class ChartPanel(_Panel):
    """Lines or bars over time."""

    type: Literal["line", "bar"]
    queries: Annotated[list[Query], Field(min_length=1, max_length=MAX_QUERIES)]
    compare: Compare = "none"
    band: bool = Field(
        False, description="Shade what is usual behind a single line, and ring what was not"
    )


class StatPanel(_Panel):
    """One figure of the whole range, with a sparkline and its change."""

    type: Literal["stat"]
    queries: Annotated[list[Query], Field(min_length=1, max_length=1)]
    compare: Compare = "previous_period"


class TablePanel(_Panel):
    """Figures in rows."""

    type: Literal["table"]
    queries: Annotated[list[Query], Field(min_length=1, max_length=MAX_QUERIES)]


class AlertsPanel(_Panel):
    """Alert events, open ones first."""

    type: Literal["alerts"]
    status: Literal["open", "acknowledged", "resolved"] | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=100)] = 10


Panel = Annotated[ChartPanel | StatPanel | TablePanel | AlertsPanel, Field(discriminator="type")]


class Place(Part):
    """Where a panel stands on a grid of 12 columns; rows are as high as a line of stats."""

    panel: Slug
    x: Annotated[int, Field(strict=True, ge=0, lt=COLUMNS)]
    y: Annotated[int, Field(strict=True, ge=0, le=1000)]
    w: Annotated[int, Field(strict=True, ge=1, le=COLUMNS)]
    h: Annotated[int, Field(strict=True, ge=1, le=24)]

    @model_validator(mode="after")
    def _inside(self) -> "Place":
        if self.x + self.w > COLUMNS:
            raise ValueError(Message("It ends behind column {number}", {"number": COLUMNS}))
        return self


class DashboardConfig(Part):
    """Panels, where they stand, what the reader may choose, over which time. Every panel has
    one place.
    """

    version: Literal[1] = Field(1, description="Of this schema")
    panels: Annotated[list[Panel], Field(max_length=MAX_PANELS)]
    variables: Annotated[list[Variable], Field(max_length=10)] = []
    layout: Annotated[list[Place], Field(max_length=MAX_PANELS)]
    time_range: TimeRange = TimeRange(last="last_30_days")
    refresh: Refresh | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "DashboardConfig":
        for problem in _problems(self):
            raise ValueError(problem)
        return self


def _problems(config: DashboardConfig) -> Iterator[Message]:
    panels = [panel.id for panel in config.panels]
    variables = [variable.name for variable in config.variables]
    for name in (*_repeated(panels), *_repeated(variables)):
        yield Message("{name} is named twice", {"name": name})
    places = [place.panel for place in config.layout]
    if sorted(places) != sorted(panels):
        yield Message("layout must have one place for every panel, and no other")
    for name in sorted(_used_variables(config.panels) - set(variables)):
        yield Message("${name} is no variable of this dashboard", {"name": name})


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _used_variables(panels: Sequence[Any]) -> set[str]:
    values = (
        value
        for panel in panels
        for query in getattr(panel, "queries", ())
        for value in query.filters.values()
    )
    return {value[1:] for value in values if value.startswith("$")}
