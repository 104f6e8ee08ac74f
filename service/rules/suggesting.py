"""Rules that fit a metric, as requests ask for them."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from starlette.requests import Request

from alerts.backtest import sightings
from alerts.fields import Text, distinct, number
from alerts.rules import Rule
from alerts.suggestions import Suggestion, Wanted, suggestions
from service.alerts.authors import scope_of
from service.http.envelopes import Listing
from service.http.validation import problems_of
from service.language.reader import Reader
from service.rules.form import meant_by
from service.rules.models import BacktestOut, backtest_out
from service.runtime.resources import resources_of
from service.web.forms import Form
from sql.errors import Invalid, missing
from sql.vocabulary import SERVICE_HEALTH, Aggregation

BUDGET = 2.0
_SELECTING = (
    "service_name",
    "affiliate_id",
    "region",
    "unit",
    "filters",
    "aggregation",
    "group_by",
)


class RulesWanted(BaseModel):
    """What rules are wanted of, and how many alerts a month are not too many."""

    model_config = ConfigDict(extra="forbid")

    metric_name: Text
    service_name: Text | None = None
    affiliate_id: Text | None = None
    region: Text | None = None
    unit: Text | None = None
    filters: dict[Text, Text] = Field(default_factory=dict, max_length=10)
    aggregation: Aggregation | None = None
    group_by: Annotated[list[Text], AfterValidator(distinct)] = Field(
        default_factory=list, max_length=10
    )
    alerts_per_month: Annotated[float, Field(gt=0, le=1000), BeforeValidator(number)] = BUDGET


class SuggestionOut(BaseModel):
    """A rule as it may be saved, and what it would have done."""

    rule: Rule
    backtest: BacktestOut


class SuggestionList(Listing[SuggestionOut]):
    """A rule of each type that fits."""


def wanted_by(form: Form[Rule], reader: Reader) -> RulesWanted:
    """What rules are wanted of, by the editor.

    Raises:
        Invalid: naming the fields.
    """
    given = meant_by(form.values, reader)
    try:
        return RulesWanted.model_validate(
            {name: given[name] for name in RulesWanted.model_fields if name in given}
        )
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error


async def suggested(request: Request, wanted: RulesWanted) -> list[Suggestion]:
    """A rule of each type that fits, with its backtest.

    Raises:
        NotFound: there is no such metric in scope.
        Forbidden, Invalid: as `suggestions`.
    """
    resources, scope = resources_of(request), scope_of(request)
    listed = await resources.catalog.listed(scope)
    metric = next((one for one in listed if one["metric_name"] == wanted.metric_name), None)
    if metric is None:
        await resources.catalog.check_known(
            scope, await resources.catalog.entry(scope, wanted.metric_name)
        )
        raise missing("metric", wanted.metric_name)
    given = wanted.model_dump(include=set(_SELECTING))
    selection = {name: value for name, value in given.items() if value}
    if scope.service_name is not None:
        selection.setdefault("service_name", scope.service_name)
    # Of how long something takes and how often it fails more is worse.
    is_bad_above = metric["metric_type"] == "performance" and metric["kind"] != "flow"
    above = is_bad_above and wanted.metric_name != SERVICE_HEALTH
    whole = Wanted(
        wanted.metric_name,
        metric["frequency"],
        selection,
        "above" if above else "below",
        wanted.alerts_per_month,
    )
    return await suggestions(resources.backtests, scope, whole, datetime.now(UTC))


def suggestion_out(one: Suggestion) -> dict[str, Any]:
    """A suggestion as it is answered; the rule without what is left to its defaults."""
    shown = one.rule.model_dump(by_alias=True, exclude_defaults=True)
    return {"rule": {**shown, "type": one.rule.type}, "backtest": backtest_out(one.backtest)}


def suggestion_shown(one: Suggestion) -> dict[str, Any]:
    """A suggestion as a page shows it, with the address of the form that it fills in."""
    fields = one.rule.model_dump(by_alias=True, exclude_defaults=True)
    filters = fields.pop("filters", {})
    fields.pop("notification_channels")
    pairs = {**fields, **{f"filter.{name}": value for name, value in filters.items()}}
    return {
        "rule": one.rule,
        "count": len(one.backtest.episodes),
        "days": (one.backtest.until - one.backtest.since).days,
        "fires_now": any(seen.is_firing for seen in sightings(one.backtest)),
        "unit": next((group.unit for group in one.backtest.plan.groups), None),
        "href": f"/alerts/rules/new?{urlencode(pairs, doseq=True)}",
    }
