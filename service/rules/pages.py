"""Alert rules: what is watched, and an editor that shows when a rule would have fired."""

import asyncio
from collections.abc import Sequence
from functools import partial

from psycopg.rows import DictRow
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from alerts import events, registry
from alerts.recipients import TAKES
from alerts.rule_rows import readable
from alerts.rules import Rule
from alerts.suggestions import Suggestion
from service.alerts.authors import author_of, scope_of
from service.alerts.undelivered import undelivered
from service.http.authentication import principal_of
from service.http.paths import id_of
from service.language.translations import N_
from service.rules.edits import rule_warnings, switched
from service.rules.form import WINDOWS, filled_form, form_of, fresh_form, to_test
from service.rules.preview import preview_of
from service.rules.suggesting import suggested, suggestion_shown, wanted_by
from service.rules.watch import watch_of
from service.runtime.resources import resources_of
from service.web.confirmation import confirmed
from service.web.forms import Form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from service.web.words import WORDS
from sql.errors import Conflict, DomainError, Invalid
from sql.messages import Message

_MOST_EVENTS = 10


async def list_rules(request: Request) -> Response:
    """Every rule, what it looks at, and whether it fires."""
    pool, scope = resources_of(request).read_pool, scope_of(request)
    rows, firing = await asyncio.gather(
        registry.list_rules(pool, scope), events.firing_rules(pool, scope)
    )
    entries = await registry.catalogue(pool, scope.tenant, [row["metric_name"] for row in rows])
    rules = [(row, watch_of(readable(row), entries)) for row in rows]
    context = {"rules": rules, "firing": firing, "undelivered": await undelivered(request), **WORDS}
    return render(request, "rules/list.html", context)


async def new_rule(request: Request) -> Response:
    """An empty form, filled in as far as the address says."""
    form = fresh_form(request.query_params, scope_of(request).service_name, reader_of(request))
    return await _editor(request, form)


async def show_rule(request: Request) -> Response:
    """A rule, to read or to edit."""
    row = await _found(request)
    return await _editor(request, form_of(readable(row), reader_of(request)), row)


async def create_rule(request: Request) -> Response:
    """Watch from now on."""
    form = filled_form(await request.form(), reader_of(request))
    pool, scope = resources_of(request).pool, scope_of(request)
    if form.is_valid:
        try:
            row = await registry.create_rule(pool, scope, form.data, author_of(request))
        except (Invalid, Conflict) as error:
            form.fail_all(error.problems)
        else:
            return _saved(request, row)
    return await _editor(request, form, status=422)


async def edit_rule(request: Request) -> Response:
    """Replace a rule."""
    row, form = await _found(request), filled_form(await request.form(), reader_of(request))
    pool, scope = resources_of(request).pool, scope_of(request)
    if form.is_valid:
        try:
            after = await registry.replace_rule(
                pool, scope, row["rule_id"], form.data, author_of(request)
            )
        except (Invalid, Conflict) as error:
            form.fail_all(error.problems)
        else:
            return _saved(request, after)
    return await _editor(request, form, row, status=422)


async def switch_rule(request: Request) -> Response:
    """Have a rule watch, or not."""
    active = (await request.form()).get("active") == "true"
    pool, number = resources_of(request).pool, id_of(request, "rule")
    edit = partial(switched, active=active)
    await registry.change_rule(pool, scope_of(request), number, edit, author_of(request))
    said = N_("The rule watches again") if active else N_("The rule watches no more")
    return redirect(request, "/alerts/rules", flash=reader_of(request).gettext(said))


async def delete_rule(request: Request) -> Response:
    """Remove a rule; its events stay, resolved."""
    pool, number = resources_of(request).pool, id_of(request, "rule")
    await registry.remove_rule(pool, scope_of(request), number, author_of(request))
    said = reader_of(request).gettext(N_("The rule is deleted"))
    return redirect(request, "/alerts/rules", flash=said)


async def preview_rule(request: Request) -> Response:
    """The history of the metric and when the rule would have fired: to htmx that part alone,
    else the editor with it.
    """
    given = await request.form()
    form = filled_form(given, reader_of(request))
    if "hx-request" in request.headers:
        context = {"preview": await preview_of(request, form), "later": "", **WORDS}
        return render(request, "rules/preview.html", context)
    return await _editor(request, form, await _edited(request, given))


async def suggest_rules(request: Request) -> Response:
    """The editor with rules that would fit the metric that is chosen."""
    given = await request.form()
    form = filled_form(given, reader_of(request))
    # It need not be a rule yet.
    form.errors.clear()
    found: Sequence[Suggestion] | None = None
    try:
        found = await suggested(request, wanted_by(form, reader_of(request)))
    except DomainError as error:
        form.refuse(error)
    row, status = await _edited(request, given), form.status if form.errors else 200
    return await _editor(request, form, row, status=status, suggested=found)


def _saved(request: Request, row: DictRow) -> Response:
    said = reader_of(request).gettext(N_("The rule is saved"))
    return redirect(request, f"/alerts/rules/{row['rule_id']}", flash=said)


async def _found(request: Request) -> DictRow:
    pool = resources_of(request).pool
    return await registry.find_rule(pool, scope_of(request), id_of(request, "rule"))


async def _edited(request: Request, given: FormData) -> DictRow | None:
    """The rule that a form is of; None where it is of a new one."""
    number = str(given.get("id", ""))
    if not number.isdecimal():
        return None
    pool = resources_of(request).read_pool
    return await registry.find_rule(pool, scope_of(request), int(number[:9]))


async def _latest_events(request: Request, rule: DictRow | None) -> list[DictRow]:
    if rule is None:
        return []
    pool, filters = resources_of(request).read_pool, events.Filters(rule_id=rule["rule_id"])
    return await events.list_events(pool, scope_of(request), filters, _MOST_EVENTS)


async def _warnings(request: Request, rule: DictRow | None) -> list[Message]:
    if rule is None:
        return []
    return await rule_warnings(resources_of(request), scope_of(request), readable(rule))


async def _editor(
    request: Request,
    form: Form[Rule],
    row: DictRow | None = None,
    *,
    status: int = 200,
    suggested: Sequence[Suggestion] | None = None,
) -> Response:
    resources, scope = resources_of(request), principal_of(request).scope
    later = _later(request, form)
    metrics, latest, warnings, preview = await asyncio.gather(
        resources.catalog.listed(scope),
        _latest_events(request, row),
        _warnings(request, row),
        _nothing() if later else preview_of(request, form),
    )
    context = {
        "form": form,
        "rule": row,
        "events": latest,
        "warnings": warnings,
        "last_error": registry.last_error_of(row) if row else None,
        "metrics": metrics,
        "channels": list(TAKES),
        "preview": preview,
        "later": later,
        "own_service": scope.service_name,
        "calendar_windows": WINDOWS,
        "suggestions": None if suggested is None else [suggestion_shown(one) for one in suggested],
        **WORDS,
    }
    return render(request, "rules/rule.html", context, status=status)


def _later(request: Request, form: Form[Rule]) -> str:
    """The address of the page with its preview, which takes longer than all the rest: who
    looks at a rule first sees the rule. Empty where there is none or it is asked for.
    """
    may = (
        principal_of(request).may("metrics:read")
        and to_test(form, 1, reader_of(request)) is not None
    )
    if request.method != "GET" or "preview" in request.query_params or not may:
        return ""
    return str(request.url.include_query_params(preview="yes").replace(scheme="", netloc=""))


async def _nothing() -> None:
    """No preview yet."""


_ONE = "/alerts/rules/{id:int}"

_delete = confirmed(N_("Delete this rule?"), N_("Delete"), delete_rule)

PAGES = [
    Page("GET", "/alerts/rules", list_rules, scope="alerts:read"),
    Page("POST", "/alerts/rules", create_rule, scope="alerts:write", idempotent="/alerts/rules"),
    Page("GET", "/alerts/rules/new", new_rule, scope="alerts:write"),
    Page("POST", "/alerts/rules/preview", preview_rule, scope="metrics:read"),
    Page("POST", "/alerts/rules/suggest", suggest_rules, scope="metrics:read"),
    Page("GET", _ONE, show_rule, scope="alerts:read"),
    Page("POST", _ONE, edit_rule, scope="alerts:write"),
    Page("POST", f"{_ONE}/switch", switch_rule, scope="alerts:write"),
    Page("POST", f"{_ONE}/delete", _delete, scope="alerts:write"),
]
