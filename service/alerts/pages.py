"""Alert events: what fired, who looks after it, who was notified."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from alerts import events, registry, together
from alerts.context import Author
from service.alerts.authors import author_of, scope_of
from service.alerts.charts import event_chart, explorer_of_event, why_of_event
from service.alerts.models import EventParams, Remark
from service.alerts.paging import filters_of, read_page
from service.alerts.ranges import range_links
from service.alerts.undelivered import undelivered
from service.http.authentication import principal_of
from service.http.paths import id_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.confirmation import confirmed
from service.web.forms import Form, read_filters, read_form
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render
from service.web.session import reader_of
from service.web.words import STATUSES, WORDS
from sql.database import Pool
from sql.errors import NotFound
from sql.messages import Message
from sql.scope import Scope

_PER_PAGE = 50
_FILTERS = ("status", "severity", "rule_id", "metric_name", "start_date", "end_date")
_Actions = Callable[[Pool, Scope, events.Filters, str | None, Author], Awaitable[list[DictRow]]]
_Action = Callable[[Pool, Scope, int, str | None, Author], Awaitable[DictRow]]


async def list_events(request: Request) -> Response:
    """Events, those that are open or looked after first."""
    form = read_filters(request, EventParams, (*_FILTERS, "cursor"))
    if not form.is_valid:
        return await _list_page(request, form, [], [], None, status=422)
    params = form.data
    if params.status or params.cursor:
        rows, cursor = await _page(request, params)
        return await _list_page(request, form, [], rows, cursor)
    pages = [_page(request, params.model_copy(update={"status": status})) for status in STATUSES]
    *unresolved, (resolved, cursor) = await asyncio.gather(*pages)
    first = [row for rows, _ in unresolved for row in rows]
    return await _list_page(request, form, first, resolved, cursor)


async def show_event(request: Request) -> Response:
    """One event: its figures, its history, who was notified."""
    row = await _found(request)
    return await _event_page(request, row, Form({"comment": ""}))


async def acknowledge_event(request: Request) -> Response:
    """Look after an event; it is not repeated any more."""
    return await _act(request, events.acknowledge, N_("You have acknowledged this alert"))


async def resolve_event(request: Request) -> Response:
    """Resolve an event; it does not reopen until its condition has cleared once."""
    return await _act(request, events.resolve, N_("The alert is resolved"))


async def acknowledge_events(request: Request) -> Response:
    """Look after every open event that the page shows."""
    return await _act_on_many(request, together.acknowledge_many, N_("The alerts are acknowledged"))


async def resolve_events(request: Request) -> Response:
    """Resolve every event that the page shows."""
    return await _act_on_many(request, together.resolve_many, N_("The alerts are resolved"))


async def _act_on_many(request: Request, action: _Actions, said: str) -> Response:
    given = await request.form()
    chosen = {name: str(given[name]) for name in _FILTERS if given.get(name)}
    form: Form[EventParams] = Form(chosen)
    form.check(EventParams, chosen)
    if not form.is_valid:
        raise form.invalid()
    resources = resources_of(request)
    filters = filters_of(form.data, resources.settings.zone)
    await action(resources.pool, scope_of(request), filters, None, author_of(request))
    flash = reader_of(request).gettext(said)
    return redirect(request, f"/alerts?{urlencode(chosen)}" if chosen else "/alerts", flash=flash)


async def _act(request: Request, action: _Action, said: str) -> Response:
    number = id_of(request, "event")
    form = await read_form(request, Remark)
    if not form.is_valid:
        return await _event_page(request, await _found(request), form, status=422)
    pool, scope, author = resources_of(request).pool, scope_of(request), author_of(request)
    await action(pool, scope, number, form.data.comment, author)
    return redirect(request, f"/alerts/events/{number}", flash=reader_of(request).gettext(said))


async def _found(request: Request) -> DictRow:
    pool = resources_of(request).pool
    return await events.find_event(pool, scope_of(request), id_of(request, "event"))


async def _page(request: Request, params: EventParams) -> tuple[list[DictRow], str | None]:
    resources = resources_of(request)
    wanted = params.model_copy(update={"limit": _PER_PAGE})
    if params.status in events.UNRESOLVED and params.cursor is None:
        wanted = params.model_copy(update={"limit": 1000})
    zone = resources.settings.zone
    return await read_page(resources.read_pool, scope_of(request), wanted, zone)


async def _list_page(
    request: Request,
    form: Form[EventParams],
    unresolved: list[DictRow],
    rows: list[DictRow],
    cursor: str | None,
    *,
    status: int = 200,
) -> Response:
    chosen = {name: form.values[name] for name in _FILTERS if form.values[name]}
    older = None
    if cursor:
        # All open events are on the first page.
        older = "?" + urlencode({"status": "resolved", **chosen, "cursor": cursor})
    first = "?" + urlencode(chosen) if form.values["cursor"] else None
    zone = resources_of(request).settings.zone
    context = {
        "ranges": range_links(chosen, datetime.now(UTC), zone),
        "whys": await _whys(request, [*unresolved, *rows]),
        "form": form,
        "undelivered": await undelivered(request),
        "chosen": chosen,
        "unresolved": unresolved,
        "rows": rows,
        "older": older,
        "first": first,
        **WORDS,
    }
    return render(request, "alerts/list.html", context, status=status)


async def _event_page(
    request: Request, row: DictRow, form: Form[Remark], *, status: int = 200
) -> Response:
    pool, number = resources_of(request).read_pool, row["event_id"]
    steps, deliveries, rule, names = await asyncio.gather(
        events.history(pool, number),
        events.deliveries(pool, number),
        _rule_of(request, row),
        names_of(request),
    )
    chart = await event_chart(request, row, rule)
    zone = resources_of(request).settings.zone
    context = {
        "event": row,
        "form": form,
        "steps": [{**step, "reason": _with_name(step["reason_message"], names)} for step in steps],
        "names": names,
        "deliveries": deliveries,
        "rule": rule,
        "chart": chart,
        "explore": explorer_of_event(row, rule, zone, chart),
        "why": chart and why_of_event(row, rule),
        **WORDS,
    }
    return render(request, "alerts/event.html", context, status=status)


async def _whys(request: Request, rows: list[DictRow]) -> dict[int, str | None]:
    """The address of the page that explains each event, by its id."""
    if not principal_of(request).may("metrics:read") or not rows:
        return {}
    found = await registry.list_rules(resources_of(request).read_pool, scope_of(request))
    rules = {rule["rule_id"]: rule for rule in found}
    return {row["event_id"]: why_of_event(row, rules.get(row["rule_id"])) for row in rows}


def _with_name(reason: Message, names: Mapping[str, str]) -> Message:
    """Why, such as ``Acknowledged by Ana``."""
    name = reason.values.get("name")
    if not isinstance(name, str) or name not in names:
        return reason
    return Message(reason.text, {**reason.values, "name": names[name]})


async def _rule_of(request: Request, row: DictRow) -> DictRow | None:
    if row["rule_id"] is None:
        return None
    try:
        pool = resources_of(request).read_pool
        return await registry.find_rule(pool, scope_of(request), row["rule_id"])
    except NotFound:
        # Deleted a moment ago.
        return None


_ONE = "/alerts/events/{id:int}"
_resolve_all = confirmed(N_("Resolve all of these alerts?"), N_("Resolve"), resolve_events)

PAGES = [
    Page("GET", "/alerts", list_events, scope="alerts:read"),
    Page("POST", "/alerts/acknowledge", acknowledge_events, scope="alerts:write"),
    Page("POST", "/alerts/resolve", _resolve_all, scope="alerts:write"),
    Page("GET", _ONE, show_event, scope="alerts:read"),
    Page("POST", f"{_ONE}/acknowledge", acknowledge_event, scope="alerts:write"),
    Page("POST", f"{_ONE}/resolve", resolve_event, scope="alerts:write"),
]
