"""The endpoints of alert rules."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from alerts import registry
from alerts.backtest import Backtest, backtest
from alerts.decision import INACTIVE, next_state
from alerts.rules import Rule, readable
from service.alerts.access import (
    author_of,
    check_service,
    reach_of,
    refusals,
)
from service.http.bodies import read_json_body, read_model
from service.http.decoding import decode_json
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted
from service.http.errors import ApiError, details_of, invalid
from service.http.paths import id_of
from service.http.responses import json_response
from service.rules.models import (
    RuleAnswer,
    RuleChange,
    RuleList,
    RuleTest,
    RuleTestAnswer,
    rule_out,
)
from service.runtime.resources import resources_of
from sql.errors import missing


async def list_alert_rules(request: Request) -> Response:
    """Every rule, newest first."""
    pool, reach = resources_of(request).read_pool, reach_of(request)
    rows = await registry.list_rules(pool, reach)
    entries = await registry.catalogue(pool, reach.tenant, (row["metric_name"] for row in rows))
    data = [rule_out(row, entries.get(row["metric_name"])) for row in rows]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def get_alert_rule(request: Request) -> Response:
    """One rule, and why it cannot be evaluated if it cannot."""
    number = id_of(request, "rule")
    row = await registry.find_rule(resources_of(request).pool, reach_of(request), number)
    if row is None:
        raise missing("rule", number)
    return await _answer(request, row)


async def create_alert_rule(request: Request) -> Response:
    """Watch a metric and tell people; what is left out follows the catalogue."""
    rule = await read_model(request, Rule)
    check_service(request, rule)
    pool, tenant = resources_of(request).pool, reach_of(request).tenant
    with refusals():
        row = await registry.create_rule(pool, tenant, rule, author_of(request))
    return await _answer(request, row, 201)


async def replace_alert_rule(request: Request) -> Response:
    """Replace a rule whole; its open events are resolved."""
    rule = await read_model(request, Rule)
    check_service(request, rule)
    return await _answer(request, await change_rule(request, lambda _: rule))


async def patch_alert_rule(request: Request) -> Response:
    """Change some fields of a rule; its open events are resolved. Null means the default."""
    change = decode_json(await read_json_body(request))
    if not isinstance(change, dict):
        raise ApiError(422, "The body must be an object")
    row = await change_rule(request, lambda row: _changed(request, row, change))
    return await _answer(request, row)


async def delete_alert_rule(request: Request) -> Response:
    """Remove a rule; its events stay, and those open are resolved."""
    number, author = id_of(request, "rule"), author_of(request)
    pool, reach = resources_of(request).pool, reach_of(request)
    row = await registry.remove_rule(pool, reach, number, author)
    if row is None:
        raise missing("rule", number)
    return json_response({"success": True, "data": {"id": number, "rule_name": row["rule_name"]}})


async def try_alert_rule(request: Request) -> Response:
    """What an unsaved rule sees now and when it would have opened and resolved; nobody is
    told.
    """
    rule = await read_model(request, RuleTest)
    return json_response({"success": True, "data": trial_out(await rehearse(request, rule))})


async def rehearse(request: Request, rule: RuleTest) -> Backtest:
    """What the rule would have done, as far as the caller may see; where many ask at once,
    when it is their turn.

    Raises:
        ApiError: 403 for a rule of another service, 422 for one that cannot be evaluated.
    """
    resources, reach = resources_of(request), reach_of(request)
    check_service(request, rule)
    with refusals():
        await registry.check_rule(resources.read_pool, reach.tenant, rule)
        async with resources.rehearsals:
            return await backtest(
                resources.read_pool,
                reach.tenant,
                rule,
                rule.days,
                datetime.now(UTC),
                resources.settings.zone,
            )


async def change_rule(request: Request, edit: Callable[[DictRow], Rule]) -> DictRow:
    """The row, afterwards, of the rule in the path; `edit` as in `registry.change_rule`.

    Raises:
        ApiError: there is no such rule, or it cannot be as `edit` makes it.
    """
    number, author = id_of(request, "rule"), author_of(request)
    pool, reach = resources_of(request).pool, reach_of(request)
    with refusals():
        row = await registry.change_rule(pool, reach, number, edit, author)
    if row is None:
        raise missing("rule", number)
    return row


def _changed(request: Request, row: DictRow, change: Mapping[str, Any]) -> Rule:
    merged = {**readable(row).model_dump(by_alias=True), **change}
    fields = Rule.model_fields
    required = {field.alias or name for name, field in fields.items() if field.is_required()}
    kept = {n: v for n, v in merged.items() if v is not None or n in required}
    try:
        rule = Rule.model_validate(kept)
    except ValidationError as error:
        raise invalid(details_of(error)) from error
    check_service(request, rule)
    return rule


async def _answer(request: Request, row: DictRow, status: int = 200) -> Response:
    pool, name = resources_of(request).pool, row["metric_name"]
    entries = await registry.catalogue(pool, row["tenant"], [name])
    return json_response({"success": True, "data": rule_out(row, entries.get(name))}, status)


def trial_out(result: Backtest) -> dict[str, Any]:
    """A rehearsal as it is answered."""
    watch = result.plan.watch._replace(hold=0.0)
    now = []
    for group, observation in result.latest:
        state, transitions = next_state(watch, INACTIVE, observation, result.until)
        reading = transitions[0].reading if transitions else observation.settled
        now.append(
            {
                "group": group.labels,
                "value": reading.value,
                "unit": reading.unit,
                "window_start": reading.start,
                "window_end": reading.end,
                "firing": state.phase == "open",
            }
        )
    return {
        "since": result.since,
        "until": result.until,
        "aggregation": watch.aggregation,
        "window": str(watch.window),
        "now": now,
        "events": [asdict(episode) for episode in reversed(result.episodes)],
        "count": len(result.episodes),
    }


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
        try_alert_rule,
        "alerts",
        scope="metrics:read",
        body=RuleTest,
        response=RuleTestAnswer,
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
