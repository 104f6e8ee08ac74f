"""The endpoints of alert rules."""

from datetime import UTC, datetime
from functools import partial

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from alerts import registry
from alerts.rule_rows import readable
from alerts.rules import Rule
from service.alerts.authors import author_of, scope_of
from service.http.bodies import read_json_body, read_model
from service.http.decoding import decode_json
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted, item_response, list_response
from service.http.paths import id_of
from service.rules.edits import changed, rule_warnings
from service.rules.models import (
    BacktestAnswer,
    RuleAnswer,
    RuleChange,
    RuleList,
    RuleToTest,
    backtest_out,
    rule_out,
)
from service.rules.suggesting import RulesWanted, SuggestionList, suggested, suggestion_out
from service.runtime.resources import resources_of
from sql.errors import Invalid, Problem
from sql.messages import Message


async def list_alert_rules(request: Request) -> Response:
    """Every rule, newest first."""
    pool, scope = resources_of(request).read_pool, scope_of(request)
    rows = await registry.list_rules(pool, scope)
    entries = await registry.catalogue(pool, scope.tenant, (row["metric_name"] for row in rows))
    return list_response([rule_out(row, entries.get(row["metric_name"])) for row in rows])


async def get_alert_rule(request: Request) -> Response:
    """One rule, and why it cannot be evaluated if it cannot."""
    pool, scope = resources_of(request).pool, scope_of(request)
    row = await registry.find_rule(pool, scope, id_of(request, "rule"))
    return await _answer(request, row)


async def create_alert_rule(request: Request) -> Response:
    """Watch a metric and notify people; what is left out follows the catalogue."""
    rule = await read_model(request, Rule)
    pool, scope = resources_of(request).pool, scope_of(request)
    row = await registry.create_rule(pool, scope, rule, author_of(request))
    return await _answer(request, row, 201)


async def replace_alert_rule(request: Request) -> Response:
    """Replace a rule whole.

    Open events are resolved, unless only texts, severity, channels, recipients or how often they
    are notified differ.
    """
    rule = await read_model(request, Rule)
    pool, scope, number = resources_of(request).pool, scope_of(request), id_of(request, "rule")
    row = await registry.replace_rule(pool, scope, number, rule, author_of(request))
    return await _answer(request, row)


async def patch_alert_rule(request: Request) -> Response:
    """Change some fields of a rule; null means the default.

    The consequences for its open events are those of PUT.
    """
    change = decode_json(await read_json_body(request))
    if not isinstance(change, dict):
        raise Invalid(Problem(Message("The body must be an object")))
    pool, scope, number = resources_of(request).pool, scope_of(request), id_of(request, "rule")
    edit = partial(changed, change=change)
    return await _answer(
        request, await registry.change_rule(pool, scope, number, edit, author_of(request))
    )


async def delete_alert_rule(request: Request) -> Response:
    """Remove a rule; its events stay, and those open are resolved."""
    number, author = id_of(request, "rule"), author_of(request)
    row = await registry.remove_rule(resources_of(request).pool, scope_of(request), number, author)
    return item_response({"id": number, "rule_name": row["rule_name"]})


async def backtest_alert_rule(request: Request) -> Response:
    """Backtest an unsaved rule: its values now and when it would have opened and resolved.

    No recipient is notified.
    """
    rule = await read_model(request, RuleToTest)
    backtests = resources_of(request).backtests
    result = await backtests.run(scope_of(request), rule, rule.days, datetime.now(UTC))
    warnings = await rule_warnings(resources_of(request), scope_of(request), rule)
    return item_response(backtest_out(result), warnings=list(map(str, warnings)))


async def suggest_alert_rules(request: Request) -> Response:
    """Suggest rules of each type that fits a metric, each with its backtest.

    Thresholds and bands are set so that the rules would have kept to `alerts_per_month`. Nothing is
    saved; a rule is answered as it may be posted.
    """
    wanted = await read_model(request, RulesWanted)
    return list_response([suggestion_out(one) for one in await suggested(request, wanted)])


async def _answer(request: Request, row: DictRow, status: int = 200) -> Response:
    resources, scope, name = resources_of(request), scope_of(request), row["metric_name"]
    entries = await registry.catalogue(resources.pool, row["tenant"], [name])
    warnings = await rule_warnings(resources, scope, readable(row))
    data = rule_out(row, entries.get(name))
    return item_response(data, status, warnings=list(map(str, warnings)))


_ONE = "/api/alerts/rules/{id:int}"

ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/alerts/rules",
        list_alert_rules,
        "alerts",
        scope="alerts:read",
        response=RuleList,
    ),
    Endpoint(
        "POST",
        "/api/alerts/rules",
        create_alert_rule,
        "alerts",
        scope="alerts:write",
        body=Rule,
        response=RuleAnswer,
        status=201,
    ),
    Endpoint(
        "POST",
        "/api/alerts/rules/test",
        backtest_alert_rule,
        "alerts",
        scope="metrics:read",
        body=RuleToTest,
        response=BacktestAnswer,
    ),
    Endpoint(
        "POST",
        "/api/alerts/rules/suggest",
        suggest_alert_rules,
        "alerts",
        scope="metrics:read",
        body=RulesWanted,
        response=SuggestionList,
    ),
    Endpoint("GET", _ONE, get_alert_rule, "alerts", scope="alerts:read", response=RuleAnswer),
    Endpoint(
        "PUT",
        _ONE,
        replace_alert_rule,
        "alerts",
        scope="alerts:write",
        body=Rule,
        response=RuleAnswer,
    ),
    Endpoint(
        "PATCH",
        _ONE,
        patch_alert_rule,
        "alerts",
        scope="alerts:write",
        body=RuleChange,
        response=RuleAnswer,
    ),
    Endpoint("DELETE", _ONE, delete_alert_rule, "alerts", scope="alerts:write", response=Deleted),
]
