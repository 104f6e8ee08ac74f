"""Lists as connections: the catalogue, rules, events, services."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from pydantic import ValidationError

from alerts import registry
from service.alerts.models import EventParams, event_out
from service.alerts.paging import cursor_of_event, read_page
from service.graphql.context import context_of
from service.health import history
from service.http.pagination import cursor_with, key_of
from service.http.responses import utc_instant
from service.http.validation import problems_of
from service.rules.models import rule_out
from sql.errors import Invalid, Problem
from sql.messages import Message

MAX_FIRST = 1000
Row = Mapping[str, Any]
_decoder = msgspec.json.Decoder(tuple[str, str | int])


async def resolve_metrics(
    _: Any, info: Any, first: int, after: str | None = None, type: str | None = None
) -> Row:
    """``Query.metrics``."""
    context = context_of(info)
    context.needs("metrics:read")
    rows = [row for row in await context.listed() if type in (None, row["metric_type"])]
    return _connection("metrics", rows, lambda row: row["metric_name"], first, after)


async def resolve_metric(_: Any, info: Any, name: str) -> Row | None:
    """``Query.metric``."""
    context = context_of(info)
    context.needs("metrics:read")
    rows = await context.listed()
    return next((row for row in rows if row["metric_name"] == name), None)


async def resolve_rules(_: Any, info: Any, first: int, after: str | None = None) -> Row:
    """``Query.rules``."""
    context = context_of(info)
    context.needs("alerts:read")
    pool, scope = context.resources.read_pool, context.scope
    rows = await registry.list_rules(pool, scope)
    page = _connection("rules", rows, lambda row: -row["rule_id"], first, after)
    shown = [edge["node"] for edge in page["edges"]]
    entries = await registry.catalogue(pool, scope.tenant, (row["metric_name"] for row in shown))
    nodes = [rule_out(row, entries.get(row["metric_name"])) for row in shown]
    edges = [{**edge, "node": node} for edge, node in zip(page["edges"], nodes, strict=True)]
    return {**page, "edges": edges, "nodes": nodes}


async def resolve_events(_: Any, info: Any, first: int, **given: Any) -> Row:
    """``Query.events``."""
    context = context_of(info)
    context.needs("alerts:read")
    resources = context.resources
    names = {"metric": "metric_name", "after": "cursor"}
    values = {names.get(name, name): one for name, one in given.items() if one is not None}
    try:
        params = EventParams.model_validate({"limit": _checked(first), **values})
    except ValidationError as error:
        raise Invalid(*problems_of(error)) from error
    rows, following = await read_page(
        resources.read_pool, context.scope, params, resources.settings.zone
    )
    edges = [{"cursor": cursor_of_event(row), "node": _event(row)} for row in rows]
    return _page(edges, has_more=following is not None)


async def resolve_services(_: Any, info: Any, first: int, after: str | None = None) -> Row:
    """``Query.services``."""
    context = context_of(info)
    context.needs("metrics:read")
    rows = await history.latest(context.resources.reads, context.scope, context.now)
    found = [{**row, "timestamp": utc_instant(row["timestamp"])} for row in rows]
    found.sort(key=lambda row: row["service_name"])
    return _connection("services", found, lambda row: row["service_name"], first, after)


def _event(row: Row) -> dict[str, Any]:
    group = [{"name": name, "value": value} for name, value in row["group_labels"].items()]
    return {**event_out(row), "group": group, "retracted": row["retracted"]}


def _connection(
    listing: str,
    rows: Sequence[Row],
    key: Callable[[Row], Any],
    first: int,
    after: str | None,
) -> dict[str, Any]:
    """The page of a list in the order of its keys behind a cursor.

    Raises:
        Invalid: `first` is out of range, or the cursor is none of that list.
    """
    _checked(first)
    if after is not None:
        last = _key_of(listing, after, key(rows[0]) if rows else None)
        rows = [row for row in rows if key(row) > last]
    edges = [{"cursor": cursor_with(listing, key(row)), "node": row} for row in rows[:first]]
    return _page(edges, has_more=len(rows) > first)


def _page(edges: Sequence[Row], *, has_more: bool) -> dict[str, Any]:
    return {
        "edges": edges,
        "nodes": [edge["node"] for edge in edges],
        "page_info": {
            "has_next_page": has_more,
            "end_cursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _checked(first: int) -> int:
    if not 1 <= first <= MAX_FIRST:
        message = Message("Use a number from {least} to {most}", {"least": 1, "most": MAX_FIRST})
        raise Invalid(Problem(message, "first"))
    return first


def _key_of(listing: str, cursor: str, like: Any) -> Any:
    (key,) = key_of(listing, cursor, _decoder, "after")
    if like is not None and type(key) is not type(like):
        raise Invalid(Problem(Message("It belongs to another list or order"), "after"))
    return key
