"""What the endpoints of alert rules take and answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from alerts.rules import (
    CatalogueEntry,
    Rule,
    Text,
    aggregation_of,
    readable,
    window_of,
)
from service.http.instants import instants


class RuleTest(Rule):
    """A rule that need not be saved, and how far back to test it."""

    rule_name: Text = "test"
    days: Annotated[int, Field(strict=True, ge=1, le=730)] = 30


class RuleChange(Rule):
    """The fields of a rule to change; null means the default. Values are checked as part of
    the whole rule that they make.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shape = handler.resolve_ref_schema(handler(core_schema))
        required = shape.pop("required")
        for name, field in shape["properties"].items():
            field.pop("default", None)
            if name not in required:
                shape["properties"][name] = {"anyOf": [field, {"type": "null"}]}
        return shape


class RuleOut(Rule):
    """A rule; `aggregation` and `window` are those in force, and `defaults` names the ones
    that follow the catalogue.
    """

    model_config = ConfigDict(extra="ignore")

    id: int
    defaults: list[str]
    version: int
    last_evaluated_at: datetime | None
    last_error: str | None = Field(description="Why it cannot be evaluated at present")
    created_at: datetime
    updated_at: datetime


class RuleAnswer(BaseModel):
    """One rule."""

    success: bool = True
    data: RuleOut


class RuleList(BaseModel):
    """Every rule."""

    success: bool = True
    data: list[RuleOut]
    count: int
    next_cursor: str | None = None


class EpisodeOut(BaseModel):
    """An event that would have been."""

    group: dict[str, str | None]
    opened_at: datetime
    value: float | None
    peak_value: float | None
    unit: str | None
    window_start: datetime
    window_end: datetime
    reason: str
    resolved_at: datetime | None
    resolved_value: float | None
    resolved_reason: str | None


class ReadingOut(BaseModel):
    """What the rule sees now; `firing` is whether its condition holds."""

    group: dict[str, str | None]
    value: float | None
    unit: str | None
    window_start: datetime
    window_end: datetime
    firing: bool


class RuleTestResult(BaseModel):
    """What a rule sees now, and when it would have opened and resolved."""

    since: datetime
    until: datetime
    aggregation: str
    window: str
    now: list[ReadingOut]
    events: list[EpisodeOut]
    count: int


class RuleTestAnswer(BaseModel):
    """The result of a test."""

    success: bool = True
    data: RuleTestResult


def rule_out(row: Mapping[str, Any], entry: CatalogueEntry | None) -> dict[str, Any]:
    """A rule's row as it is answered."""
    rule = readable(row)
    shown = {"id": row["rule_id"]} | rule.model_dump(by_alias=True)
    shown["aggregation"] = aggregation_of(rule, entry)
    shown["window"] = str(window_of(rule, entry))
    own = {"aggregation": rule.aggregation, "window": rule.window}
    return (
        shown
        | {
            "defaults": [name for name, value in own.items() if value is None],
            "version": row["version"],
            "last_error": row["last_error"],
        }
        | instants(row, "last_evaluated_at", "created_at", "updated_at")
    )
