"""The form of an alert rule: text fields as people fill them in, and the rule they make."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData, QueryParams

from alerts.durations import duration_text
from alerts.rules import Rule
from service.alerts.rule_models import RuleTest
from service.errors import Detail, details_of
from service.web.forms import Form
from service.web.languages import marked

_LISTS = {"notification_recipients": "\n", "group_by": ","}
_NUMBERS = ("threshold_value", "recovery_threshold")
# What the explorer and other pages may fill in beforehand.
_PREFILLED = (
    "rule_name",
    "metric_name",
    "condition",
    "threshold_value",
    "aggregation",
    "window",
    "service_name",
    "affiliate_id",
    "region",
)
# What the fields that decide when a rule fires are called on its page.
NAMES = {
    "metric_name": marked("Metric"),
    "threshold_value": marked("this value"),
    "window": marked("Over"),
    "for": marked("Once it held for"),
    "group_by": marked("Each on its own by"),
    "recovery_threshold": marked("Resolved from this value"),
    "keep_firing_for": marked("Once it is over for"),
}
_FRESH = {
    "condition": "<",
    "severity": "medium",
    "no_data": "ignore",
    "is_active": True,
    "notification_channels": ["email"],
}


def fresh_form(query: QueryParams, own_service: str | None) -> Form[Rule]:
    """An empty form, but for what the address says."""
    given = {name: query[name] for name in _PREFILLED if query.get(name)}
    values = dict.fromkeys(_names(), "") | _FRESH | given
    if own_service is not None:
        values["service_name"] = own_service
    return Form(values)


def form_of(rule: Rule) -> Form[Rule]:
    """The form as somebody would have filled it in."""
    values = rule.model_dump(mode="json", by_alias=True)
    values["notification_recipients"] = "\n".join(values["notification_recipients"])
    values["group_by"] = ", ".join(values["group_by"])
    values |= {name: f"{values[name]:.15g}" for name in _NUMBERS if values[name] is not None}
    values |= {name: "" for name in ("for", "keep_firing_for") if values[name] == duration_text(0)}
    return Form({name: "" if value is None else value for name, value in values.items()})


def filled_form(given: FormData) -> Form[Rule]:
    """What was filled in, as a rule if it is one."""
    values: dict[str, Any] = {name: str(given.get(name, "")).strip() for name in _names()}
    values["notification_channels"] = [str(one) for one in given.getlist("notification_channels")]
    values["is_active"] = given.get("is_active") == "true"
    form: Form[Rule] = Form(values)
    form.check(Rule, meant_by(values))
    return form


def trial_of(form: Form[Rule], days: int) -> RuleTest | None:
    """The rule so far, to be tried over so many days; None while it watches nothing yet."""
    try:
        return RuleTest.model_validate(_watched_by(form) | {"days": days})
    except ValidationError:
        return None


def wrong_with(form: Form[Rule]) -> list[Detail]:
    """Why what was filled in cannot be tried. What is still to be filled in is not wrong."""
    try:
        RuleTest.model_validate(_watched_by(form) | {"days": 1})
    except ValidationError as error:
        # In the order of `error.errors()`.
        missing = [entry["type"] == "missing" for entry in error.errors()]
        return [one for one, left in zip(details_of(error), missing, strict=True) if not left]
    return []


def _watched_by(form: Form[Rule]) -> dict[str, Any]:
    # Neither whom it tells nor whether it watches already changes what it sees.
    others = ("notification_channels", "notification_recipients", "rule_name", "is_active")
    return {name: value for name, value in meant_by(form.values).items() if name not in others}


def meant_by(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a rule as the API takes them; what was left empty is absent."""
    meant = {name: value for name, value in values.items() if value not in ("", [])}
    for name, separator in _LISTS.items():
        parts = [part.strip() for part in str(values[name]).split(separator)]
        meant[name] = [part for part in parts if part]
    for name in _NUMBERS:
        if name in meant:
            meant[name] = _number(meant[name])
    return meant


def _number(text: str) -> float | str:
    """A number as it is written in English or Portuguese; else the text, to be refused."""
    plain = text.replace(" ", "")
    if "," in plain and plain.rfind(",") > plain.rfind("."):
        plain = plain.replace(".", "").replace(",", ".")
    try:
        return float(plain.replace(",", ""))
    except ValueError:
        return text


def _names() -> list[str]:
    return [field.alias or name for name, field in Rule.model_fields.items()]
