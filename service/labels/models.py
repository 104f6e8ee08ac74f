"""Bodies and answers of the endpoints of names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.http import envelopes
from service.http.responses import utc_instant
from service.metrics.ingest.labels import label_problem, label_text
from sql.vocabulary import MAX_ROWS


def _name(text: str) -> str:
    """As values of labels are stored."""
    stored = label_text(text)
    if problem := label_problem("name", stored):
        raise ValueError(problem)
    return stored


class LabelNameIn(BaseModel):
    """What people call it."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200), AfterValidator(_name), Field(min_length=1)] = Field(
        description="What people call it"
    )


class LabelName(BaseModel):
    """The name of a value of a label."""

    label: str = Field(description="Which label or dimension")
    value: str = Field(description="Its value, as samples have it")
    name: str = Field(description="What people call it")
    updated_at: datetime
    updated_by: str


class LabelNamesParams(BaseModel):
    """``GET /api/labels/{label}``."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(1000, ge=1, le=MAX_ROWS)
    cursor: str | None = None


class LabelNameAnswer(envelopes.Item[LabelName]):
    """A name."""


class LabelNameList(envelopes.Listing[LabelName]):
    """Names in the order of their values."""


def name_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A name as the API shows it."""
    return {**row, "updated_at": utc_instant(row["updated_at"])}
