"""The form of an alert rule: text fields as people fill them in, and the rule they make."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData, QueryParams

from alerts.rules import Rule
from service.http.validation import problems_of
from service.language.reader import Reader
from service.language.translations import N_
from service.rules.models import RuleToTest
from service.web.forms import Form, pairs_of
from sql.durations import duration_text
from sql.errors import Problem
from sql.vocabulary import GROUPABLE

_LISTS = {"notification_recipients": "\n", "group_by": ","}
_ZERO = ("for", "keep_firing_for")
_NUMBERS = (
    "threshold_value",
    "recovery_threshold",
    "digest_over",
    "min_samples",
    "alerts_per_month",
)
_WHOLE = ("digest_over", "min_samples")
# The parts of a schedule; its days are boxes.
_HOURS = {"schedule_from": "from", "schedule_to": "to"}
_DAYS = "schedule_days"
_WORKDAYS = "schedule_workdays"
# Fields that the explorer and other pages may fill in beforehand.
_PREFILLED = (
    "rule_name",
    "metric_name",
    "condition",
    "threshold_value",
    "type",
    "compare",
    "change",
    "direction",
    "sensitivity",
    "alerts_per_month",
    "aggregation",
    "window",
    "service_name",
    "affiliate_id",
    "region",
    "unit",
    "group_by",
)
# Before the name of a dimension, as in addresses of the explorer.
_FILTER = "filter."
# Labels of the fields that decide when a rule fires, on its page.
NAMES = {
    "metric_name": N_("Metric"),
    "threshold_value": N_("this value"),
    "window": N_("Window"),
    "for": N_("Once it held for"),
    "group_by": N_("Separately by"),
    "recovery_threshold": N_("Resolved from this value"),
    "keep_firing_for": N_("Once it is over for"),
    "unit": N_("Unit"),
    "filters": N_("Dimensions"),
    "type": N_("Judged"),
    "compare": N_("Change from"),
    "change": N_("Change"),
    "direction": N_("Unusual"),
    "sensitivity": N_("Sensitivity"),
    "alerts_per_month": N_("Alerts a month at most"),
    "min_samples": N_("Samples at least"),
    "schedule.from": N_("From"),
    "schedule.to": N_("Until"),
    "settle": N_("Judged after"),
    "retire_after": N_("Groups end after"),
}
# Calendar windows, which the form has in the reader's words.
WINDOWS = (N_("hour"), N_("day"), N_("week"), N_("month"))
_FRESH = {
    "type": "threshold",
    _DAYS: [],
    _WORKDAYS: False,
    "condition": "<",
    "severity": "medium",
    "no_data": "ignore",
    "is_active": True,
    "notification_channels": ["email"],
}


def fresh_form(query: QueryParams, own_service: str | None, reader: Reader) -> Form[Rule]:
    """An empty form, but for what the address says, in which numbers are as in the API."""
    given: dict[str, Any] = {name: query[name] for name in _PREFILLED if query.get(name)}
    given["group_by"] = ", ".join(query.getlist("group_by"))
    filters = {n.removeprefix(_FILTER): v for n, v in query.items() if n.startswith(_FILTER) and v}
    given |= {n: filters.pop(n) for n in GROUPABLE if n in filters}
    given["filters"] = _lines(filters)
    given |= {n: _as_read(given[n], reader) for n in _NUMBERS if n in given}
    if (window := given.get("window")) in WINDOWS:
        given["window"] = reader.gettext(window)
    values = dict.fromkeys(_names(), "") | _FRESH | _durations() | given
    if own_service is not None:
        values["service_name"] = own_service
    return Form(values)


def form_of(rule: Rule, reader: Reader) -> Form[Rule]:
    """The form as filled in with a rule."""
    values = rule.model_dump(mode="json", by_alias=True)
    hours = values.pop("schedule") or {"days": []}
    values |= {_DAYS: hours["days"], _WORKDAYS: not hours.get("holidays", True)} | {
        name: hours.get(its) for name, its in _HOURS.items()
    }
    values["notification_recipients"] = "\n".join(values["notification_recipients"])
    values["group_by"] = ", ".join(values["group_by"])
    values |= {n: reader.plain_number(values[n]) for n in _NUMBERS if values[n] is not None}
    values["filters"] = _lines(values["filters"])
    if (window := values["window"]) in WINDOWS:
        values["window"] = reader.gettext(window)
    values |= {name: "" for name in _ZERO if values[name] == duration_text(0)}
    return Form({name: "" if value is None else value for name, value in values.items()})


def filled_form(given: FormData, reader: Reader) -> Form[Rule]:
    """The form as it was filled in, with its rule if it makes one."""
    values: dict[str, Any] = {name: str(given.get(name, "")).strip() for name in _names()}
    values["notification_channels"] = [str(one) for one in given.getlist("notification_channels")]
    values[_WORKDAYS] = given.get(_WORKDAYS) == "true"
    values[_DAYS] = [str(one) for one in given.getlist(_DAYS)]
    values["is_active"] = given.get("is_active") == "true"
    places = {f"schedule.{its}": name for name, its in _HOURS.items()}
    form: Form[Rule] = Form(values, places)
    for name in _NUMBERS:
        if values[name] and reader.read_number(values[name]) is None:
            form.fail(name, _how_to_write(reader))
    form.check(Rule, meant_by(values, reader))
    return form


def to_test(form: Form[Rule], days: int, reader: Reader) -> RuleToTest | None:
    """The rule so far, to be judged over so many days; None while it watches nothing yet."""
    try:
        return RuleToTest.model_validate(_watched_by(form, reader) | {"days": days})
    except ValidationError:
        return None


def wrong_with(form: Form[Rule], reader: Reader) -> list[Problem]:
    """Why what was filled in cannot be tested. What is still to be filled in is not wrong."""
    try:
        RuleToTest.model_validate(_watched_by(form, reader) | {"days": 1})
    except ValidationError as error:
        # In the order of `error.errors()`.
        missing = [entry["type"] == "missing" for entry in error.errors()]
        return [one for one, left in zip(problems_of(error), missing, strict=True) if not left]
    return []


def _watched_by(form: Form[Rule], reader: Reader) -> dict[str, Any]:
    # Neither whom it tells nor whether it watches already changes what it sees.
    others = ("notification_channels", "notification_recipients", "rule_name", "is_active")
    return {
        name: value for name, value in meant_by(form.values, reader).items() if name not in others
    }


def meant_by(values: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """The fields of a rule as the API takes them; what was left empty is absent, and what is
    no number stays text, to be refused.
    """
    meant = {name: value for name, value in values.items() if value not in ("", [])}
    for name, separator in _LISTS.items():
        parts = [part.strip() for part in str(values[name]).split(separator)]
        meant[name] = [part for part in parts if part]
    if values["window"]:
        words = {reader.gettext(window): window for window in WINDOWS}
        meant["window"] = words.get(str(values["window"]).lower(), values["window"])
    if values["filters"]:
        meant["filters"] = pairs_of(values["filters"])
    for name in _NUMBERS:
        number = reader.read_number(str(values[name]))
        if number is not None:
            meant[name] = int(number) if name in _WHOLE and number % 1 == 0 else number
    if meant.get("type") == "anomaly":
        # The form has always one of them chosen.
        meant.pop("condition", None)
    days, hours = meant.pop(_DAYS, None), {n: meant.pop(n, None) for n in _HOURS}
    schedule = {"days": days} | {its: hours[name] for name, its in _HOURS.items()}
    given = {name: value for name, value in schedule.items() if value}
    if meant.pop(_WORKDAYS, False):
        given["holidays"] = False
    if given:
        meant["schedule"] = given
    return meant


def _lines(filters: Mapping[str, str]) -> str:
    """A dimension and its value a line."""
    return "\n".join(f"{name} = {value}" for name, value in filters.items())


def _durations() -> dict[str, Any]:
    """The defaults of a rule that are not nothing."""
    names = ("settle", "retire_after")
    given = {name: duration_text(Rule.model_fields[name].default) for name in names}
    return given | {name: Rule.model_fields[name].default for name in _WHOLE}


def _how_to_write(reader: Reader) -> str:
    words = reader.gettext(N_("Write a number such as %(example)s"))
    return words % {"example": reader.number(1500.5)}


def _as_read(text: str, reader: Reader) -> str:
    try:
        return reader.plain_number(float(text))
    except (ValueError, ArithmeticError):
        return text


def _names() -> list[str]:
    names = [field.alias or name for name, field in Rule.model_fields.items()]
    names.remove("schedule")
    return [*names, *_HOURS]
