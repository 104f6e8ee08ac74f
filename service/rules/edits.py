"""Edits of rules as requests make them, and warnings about the rule that they make."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import DictRow
from pydantic import ValidationError

from alerts import registry
from alerts.rule_rows import from_row, readable
from alerts.rules import Rule
from alerts.warnings import Reachable, warnings_of
from service.http.validation import problems_of
from service.runtime.notifications import channels_of, with_default
from service.runtime.resources import Resources
from sql.errors import Invalid
from sql.messages import Message
from sql.scope import Scope


def changed(row: DictRow, change: Mapping[str, Any]) -> Rule:
    """The rule of a row with other values for some fields; null means the default.

    Raises:
        Invalid: they make no rule.
    """
    merged = {**readable(row).model_dump(by_alias=True), **change}
    fields = Rule.model_fields
    required = {field.alias or name for name, field in fields.items() if field.is_required()}
    kept = {name: v for name, v in merged.items() if v is not None or name in required}
    try:
        return Rule.model_validate(kept)
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error


def switched(row: DictRow, active: bool) -> Rule:
    """The rule of a row, to watch or not.

    Raises:
        Invalid: the row has values that the API would refuse.
    """
    try:
        return from_row(row).model_copy(update={"is_active": active})
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error


async def rule_warnings(resources: Resources, scope: Scope, rule: Rule) -> list[Message]:
    """The reasons why a rule cannot fire, or cannot notify."""
    pool, settings = resources.read_pool, resources.settings
    entries = await registry.catalogue(pool, scope.tenant, [rule.metric_name])
    reachable = Reachable(frozenset(channels_of(settings)), with_default(settings))
    return await warnings_of(pool, scope, rule, entries.get(rule.metric_name), reachable)
