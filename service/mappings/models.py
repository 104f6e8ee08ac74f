"""Bodies and answers of the mappings' endpoints."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field

from service.http.envelopes import Item
from service.http.responses import utc_instant
from service.metrics.ingest.sample import instant_of
from service.metrics.mapping.point import Points
from service.metrics.mapping.trial import Trial
from sql.vocabulary import Frequency, MetricType

Protocol = Literal["line_protocol", "remote_write", "otlp"]
MAX_TEXT = 200_000
Yaml = Annotated[str, Field(max_length=MAX_TEXT, description="The mapping as YAML")]


class MappingIn(BaseModel):
    """A whole mapping."""

    model_config = ConfigDict(extra="forbid")

    yaml: Yaml


class MappingTest(BaseModel):
    """A body as a client of the protocol would send it, unpacked."""

    model_config = ConfigDict(extra="forbid")

    protocol: Protocol
    body: Annotated[
        str, Field(max_length=MAX_TEXT, description="The body: text, or Base64 of one that is none")
    ]
    yaml: Annotated[
        Yaml | None, Field(description="A mapping to try instead of the one that counts")
    ] = None


class MappingOut(BaseModel):
    """A version of the mapping; 0 is that of an installation that never had one."""

    version: int
    yaml: str
    updated_at: str | None
    updated_by: str | None


class SampleOut(BaseModel):
    """The sample that a point becomes; `cumulative`: what counts is by how much it rises."""

    metric_name: str
    metric_type: MetricType
    value: float
    frequency: Frequency
    unit: str | None
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    metadata: dict[str, Any]
    timestamp: str | None
    cumulative: bool


class PointOut(BaseModel):
    """A point as it came, and what becomes of it."""

    name: str
    tags: dict[str, str]
    value: float
    becomes: SampleOut | None
    problem: str | None


class TrialOut(BaseModel):
    """The first thousand points, the problems of what is none, and what was left out by reason."""

    points: list[PointOut]
    problems: list[str]
    left_out: dict[str, int]


class MappingAnswer(Item[MappingOut]):
    """The mapping that counts."""


class TrialAnswer(Item[TrialOut]):
    """The trial of a body."""


def mapping_out(row: DictRow | None) -> dict[str, Any]:
    """A row of the mappings."""
    if row is None:
        return {"version": 0, "yaml": "", "updated_at": None, "updated_by": None}
    return {
        "version": row["version"],
        "yaml": row["content"],
        "updated_at": utc_instant(row["created_at"]),
        "updated_by": row["created_by"],
    }


def trial_out(points: Points, trials: list[Trial]) -> dict[str, Any]:
    """The trial as the answer has it."""
    return {
        "points": [_point_out(trial) for trial in trials],
        "problems": [str(problem.message) for problem in points.problems],
        "left_out": dict(points.useless),
    }


def _point_out(trial: Trial) -> Mapping[str, Any]:
    point = trial.point
    return {
        "name": point.series.name,
        "tags": dict(point.series.tags),
        "value": point.value,
        "becomes": _sample_out(trial) if trial.sample else None,
        "problem": str(trial.problem) if trial.problem else None,
    }


def _sample_out(trial: Trial) -> Mapping[str, Any]:
    sample = trial.sample
    assert sample is not None
    names = SampleOut.model_fields.keys() & set(sample.__struct_fields__)
    return {name: getattr(sample, name) for name in names} | {
        "metadata": sample.metadata or {},
        "timestamp": _text(sample.ts),
        "cumulative": sample.origin is not None and sample.origin.cumulative,
    }


def _text(ts: int | None) -> str | None:
    try:
        return None if ts is None else utc_instant(instant_of(ts))
    except OverflowError:
        return None
