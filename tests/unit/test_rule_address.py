"""From the explorer to a rule on the same figures."""

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale
from starlette.datastructures import FormData, QueryParams

from service.explore.exploration import Exploration
from service.language.reader import Reader
from service.panels.config import Query, TimeRange
from service.rules.form import filled_form, fresh_form

READER = Reader("en", Locale("en"), ZoneInfo("UTC"))
BRAZILIAN = Reader("pt-BR", Locale("pt", "BR"), ZoneInfo("UTC"))


def test_a_rule_on_what_is_shown_keeps_all_of_it() -> None:
    query = Query(
        metric_name="sales",
        filters={"unit": "USD", "region": "(none)", "payment_method": "pix"},
        group_by=["service_name", "affiliate_id"],
    )
    asked = Exploration(query, TimeRange(last="last_7_days"), "none", "line")
    address = urlsplit(asked.rule_address("max", "day"))
    form = fresh_form(QueryParams(address.query), None, READER)
    given = form.values | {"rule_name": "r", "threshold_value": "5", "is_active": "true"}
    # A browser sends nothing of what is not checked.
    given = {name: value for name, value in given.items() if value not in ([], False)}
    given |= {"notification_channels": "email"}
    rule = filled_form(FormData(list(given.items())), READER).data
    assert address.path == "/alerts/rules/new"
    assert (rule.metric_name, rule.aggregation, rule.window) == ("sales", "max", "day")
    assert (rule.unit, rule.region, rule.filters) == ("USD", "(none)", {"payment_method": "pix"})
    assert rule.group_by == ["service_name", "affiliate_id"]
    assert (rule.settle, rule.retire_after, rule.digest_over) == (60, 30 * 86400, 5)


def test_a_dimension_may_be_called_as_a_field_of_rules() -> None:
    given = QueryParams("metric_name=sales&filter.type=pix&filter.region=SP")
    values = fresh_form(given, None, READER).values
    assert (values["type"], values["region"]) == ("threshold", "SP")
    assert values["filters"] == "type = pix"


def test_the_window_is_in_the_words_of_the_reader() -> None:
    given = QueryParams("metric_name=sales&window=hour&threshold_value=1.5")
    values = fresh_form(given, None, BRAZILIAN).values
    assert (values["window"], values["threshold_value"]) == ("hora", "1,5")
