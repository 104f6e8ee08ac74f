"""The schema with its resolvers, and answering a document with it."""

import logging
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ariadne import EnumType, ObjectType, QueryType, graphql, load_schema_from_path
from ariadne import make_executable_schema as made
from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse
from graphql.validation import MaxIntrospectionDepthRule
from starlette.requests import Request

from service.graphql.breakdowns import resolve_breakdown
from service.graphql.context import Context
from service.graphql.errors import cause_of, formatted
from service.graphql.figures import (
    resolve_aggregate,
    resolve_forecast,
    resolve_metric_figures,
)
from service.graphql.limits import MAX_TOKENS, limits_rule
from service.graphql.lists import (
    resolve_events,
    resolve_metric,
    resolve_metrics,
    resolve_rules,
    resolve_services,
)
from sql.errors import DatabaseUnavailable

SCHEMA = Path(__file__).parent / "schema.graphql"
# Errors are logged where they are formatted.
_quiet = logging.Logger("graphql", logging.CRITICAL + 1)


@cache
def executable_schema() -> GraphQLSchema:
    """The schema, made once."""
    query = QueryType()
    for name, resolver in _RESOLVERS.items():
        query.set_field(name, resolver)
    metric = ObjectType("Metric")
    metric.set_field("aggregate", resolve_metric_figures)
    metric.set_alias("name", "metric_name")
    metric.set_alias("type", "metric_type")
    # No value of an enumeration may be called null.
    choices = {"none": "none", "zero": "zero", "empty": "null", "previous": "previous"}
    fill = EnumType("Fill", choices)
    return made(load_schema_from_path(str(SCHEMA)), query, metric, fill, convert_names_case=True)


_RESOLVERS: Mapping[str, Callable[..., Any]] = {
    "metrics": resolve_metrics,
    "metric": resolve_metric,
    "aggregate": resolve_aggregate,
    "breakdown": resolve_breakdown,
    "forecast": resolve_forecast,
    "rules": resolve_rules,
    "events": resolve_events,
    "services": resolve_services,
}


async def answer(
    request: Request, document: str, variables: dict[str, Any] | None, operation: str | None
) -> tuple[dict[str, Any], DatabaseUnavailable | None]:
    """The answer to a document: `data`, `errors` or both; and whether some fields failed because a
    database was away.
    """
    away: list[DatabaseUnavailable] = []

    def answered(error: GraphQLError) -> dict[str, Any]:
        cause = cause_of(error)
        if isinstance(cause, DatabaseUnavailable):
            away.append(cause)
        return formatted(request, error)

    def rules(_: Any, parsed: DocumentNode, data: Any) -> list[Any]:
        return [MaxIntrospectionDepthRule, limits_rule(parsed, variables or {})]

    _, result = await graphql(
        executable_schema(),
        {"query": document, "variables": variables, "operationName": operation},
        context_value=Context(request),
        query_parser=lambda _, data: parse(data["query"], max_tokens=MAX_TOKENS),
        validation_rules=rules,
        require_query=True,
        logger=_quiet,
        error_formatter=lambda error, _: answered(error),
    )
    return dict(result), next(iter(away), None)
