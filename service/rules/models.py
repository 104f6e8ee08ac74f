"""Bodies and answers of the endpoints of alert rules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from alerts.backtest import Backtest, Sighting, sightings
from alerts.fields import Text
from alerts.replay import Episode
from alerts.rule_rows import readable
from alerts.rules import Rule
from alerts.watched import CatalogueEntry, aggregation_of, window_of
from service.alerts.models import ComparedOut
from service.http.envelopes import Item, Listing
from service.http.instants import instants


class RuleToTest(Rule):
    """A rule that need not be saved, and how many days back to judge it."""

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


class RuleAnswer(Item[RuleOut]):
    """One rule, and the reasons that keep it from firing or from notifying."""

    warnings: list[str] = Field(default_factory=list)


class RuleList(Listing[RuleOut]):
    """Every rule."""


class EpisodeOut(BaseModel):
    """An event that would have been."""

    group: dict[str, str | None]
    opened_at: datetime
    value: float | None
    peak_value: float | None
    unit: str | None
    compared: ComparedOut | None
    window_start: datetime
    window_end: datetime
    reason: str
    resolved_at: datetime | None
    resolved_value: float | None
    resolved_reason: str | None


class ReadingOut(BaseModel):
    """The reading of a rule now; `firing` is whether its condition holds."""

    group: dict[str, str | None]
    value: float | None
    unit: str | None
    compared: ComparedOut | None
    window_start: datetime
    window_end: datetime
    firing: bool


class BacktestOut(BaseModel):
    """The readings of a rule now, and when it would have opened and resolved."""

    since: datetime
    until: datetime
    aggregation: str
    window: str
    now: list[ReadingOut]
    events: list[EpisodeOut]
    count: int


class BacktestAnswer(Item[BacktestOut]):
    """The result of a backtest, and the reasons that keep the rule from firing or notifying."""

    warnings: list[str] = Field(default_factory=list)


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


def backtest_out(result: Backtest) -> dict[str, Any]:
    """A backtest as it is answered."""
    watch = result.plan.watch
    return {
        "since": result.since,
        "until": result.until,
        "aggregation": watch.aggregation,
        "window": str(watch.window),
        "now": [_sighting_out(one) for one in sightings(result)],
        "events": [_episode_out(one) for one in reversed(result.episodes)],
        "count": len(result.episodes),
    }


def _sighting_out(one: Sighting) -> dict[str, Any]:
    return {
        "group": one.group.labels,
        "value": one.reading.value,
        "unit": one.reading.unit,
        "compared": one.reading.compared,
        "window_start": one.reading.start,
        "window_end": one.reading.end,
        "firing": one.is_firing,
    }


def _episode_out(one: Episode) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in EpisodeOut.model_fields}
    reasons = ("reason", "resolved_reason")
    return values | {name: values[name] and str(values[name]) for name in reasons}
