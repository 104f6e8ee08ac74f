"""Bodies and answers of the catalogue's endpoints."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from service.explore.models import AggregateParams, Sample
from service.http import envelopes
from service.http.responses import utc_instant
from service.metrics.catalog import CatalogChange
from service.metrics.derived.defining import Definition
from service.metrics.federation.merging import MEMBER
from service.metrics.ingest.labels import label_problem, label_text
from sql.formula import MAX_LENGTH
from sql.messages import Listing, Message
from sql.vocabulary import Aggregation, Kind, MetricType

# Parameters, and fields of the answers.
_RESERVED = (
    frozenset(AggregateParams.model_fields)
    | frozenset(Sample.model_fields)
    | {
        *("order", "cursor"),
        *("start", "end", "complete", "closed"),
        # A hub's figures have it.
        MEMBER,
        *("compare", "search", "share", "baseline", "change", "change_percent"),
    }
)


def _unit(text: str) -> str:
    """As samples have it."""
    stored = label_text(text)
    if problem := label_problem("unit", stored):
        raise ValueError(problem)
    return stored


Unit = Annotated[str, Field(max_length=200), AfterValidator(_unit), Field(min_length=1)]
Dimension = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


def _unit_or_none(text: str | None) -> str | None:
    return text and _unit(text)


def _storable(text: str | None) -> str | None:
    if text and "\0" in text:
        raise ValueError(Message("The character NUL cannot be stored"))
    return text


class CatalogPatch(BaseModel):
    """Changes to a catalogue entry; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind | None = None
    default_aggregation: Aggregation | None = Field(
        None, description="Follows a change of kind if absent: sum, last or avg"
    )
    unit: str | None = Field(
        None, max_length=200, description="The default, the first of units. Empty: none"
    )
    units: list[Unit] | None = Field(
        None, max_length=20, description="All that samples may come in; the first is the default"
    )
    description: str | None = Field(None, max_length=2000)
    dimensions: list[Dimension] | None = Field(
        None,
        max_length=10,
        description="Metadata keys that become filters and groups of every rollup from now on",
    )

    _as_stored = field_validator("unit")(_unit_or_none)
    _storable = field_validator("description")(_storable)

    @field_validator("dimensions")
    @classmethod
    def _usable(cls, names: list[str] | None) -> list[str] | None:
        if names and len(set(names)) < len(names):
            raise ValueError(Message("A dimension is named twice"))
        if taken := sorted(_RESERVED.intersection(names or ())):
            message = Message(
                "{names} cannot be a dimension: answers have the name",
                {"names": Listing(tuple(taken))},
            )
            raise ValueError(message)
        return names

    @field_validator("units")
    @classmethod
    def _distinct(cls, units: list[str] | None) -> list[str] | None:
        if units and len({unit.casefold() for unit in units}) < len(units):
            raise ValueError(Message("A unit is named twice"))
        return units

    @property
    def change(self) -> CatalogChange:
        """The change that is asked for."""
        return CatalogChange(**self.model_dump())


class DerivedIn(BaseModel):
    """A derived metric; unit and kind follow from the metrics of its formula where absent."""

    model_config = ConfigDict(extra="forbid")

    formula: str = Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="Metrics and numbers with + - * / and parentheses; blanks around a minus",
    )
    metric_type: MetricType | None = Field(
        None, description="That of the first metric of the formula if absent"
    )
    kind: Kind | None = None
    unit: str | None = Field(None, max_length=200, description="Empty: none")
    description: str | None = Field(None, max_length=2000)

    _as_stored = field_validator("unit")(_unit_or_none)
    _storable = field_validator("description")(_storable)

    @property
    def definition(self) -> Definition:
        """The metric that is wanted."""
        return Definition(self.formula, self.metric_type, self.kind, self.unit, self.description)


class CatalogRow(BaseModel):
    """One metric of the catalogue."""

    metric_name: str
    metric_type: str
    unit: str | None
    units: list[str] = Field(description="All that samples may come in; the first is the default")
    kind: Kind
    default_aggregation: Aggregation
    frequency: str
    description: str
    dimensions: list[str]
    formula: str | None = Field(description="Of a derived metric: how it is computed from others")
    series: int = Field(description="How many series are in view")
    first_sample: str | None = Field(description="Oldest sample that is still kept")
    last_sample: str | None
    members: list[str] = Field(default=[], description="Of a hub: who has it; hub is itself")


class CatalogAnswer(envelopes.Listing[CatalogRow]):
    """The catalogue."""

    missing_members: list[str] = Field(
        default=[], description="Of a hub: who did not answer, and is listed as it last was"
    )


class CatalogEntryAnswer(envelopes.Item[CatalogRow]):
    """One entry of the catalogue."""


def entry_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A catalogue row as it is answered."""
    times = {name: row[name] and utc_instant(row[name]) for name in ("first_sample", "last_sample")}
    return {**row, **times}
