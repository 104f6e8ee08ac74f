"""The pages of targets: how far each came, and the form that sets one."""

from datetime import UTC, datetime
from typing import Any, get_args

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from alerts.fields import Text
from service.http.authentication import caller_of, principal_of
from service.http.paths import id_of
from service.language.reader import Reader
from service.language.translations import N_
from service.metrics.targets.store import EDITED, find_target, list_targets
from service.metrics.targets.target import Direction, TargetPeriod, target_of
from service.runtime.resources import resources_of
from service.targets.keeping import change, create, remove
from service.targets.models import Day, Name
from service.web import choices
from service.web.confirmation import confirmed
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.errors import DomainError
from sql.vocabulary import Aggregation

_PATH = "/targets"
PERIODS = {name: choices.PERIODS[name] for name in get_args(TargetPeriod)}
DIRECTIONS = {"at_least": N_("At least"), "at_most": N_("At most")}


class TargetForm(BaseModel):
    """What is filled in; dimensions are set by the API alone, and stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    metric_name: Name
    period: TargetPeriod
    value: Text
    direction: Direction
    aggregation: Aggregation | None = None
    service_name: Text | None = None
    affiliate_id: Text | None = None
    region: Text | None = None
    unit: Text | None = None
    since: Day | None = None
    until: Day | None = None


async def show_targets(request: Request) -> Response:
    """Every target with how far it came, and the form of a new one."""
    given = request.query_params.get("metric_name", "")
    blank = dict.fromkeys(TargetForm.model_fields, "")
    form = blank | {"metric_name": given, "period": "month", "direction": "at_least"}
    return await _list(request, Form(form))


async def create_target(request: Request) -> Response:
    """Keep a target."""
    form = await _filled(request)
    resources, caller = resources_of(request), caller_of(request)

    async def keep(given: TargetForm) -> DictRow:
        return await create(
            resources, caller, _columns(given, reader_of(request)) | {"filters": {}}
        )

    if await form.carry_out(keep) is None:
        return await _list(request, form, status=form.status)
    return redirect(request, _PATH, flash=reader_of(request).gettext(N_("The target is set")))


async def show_target(request: Request) -> Response:
    """One target, to be changed."""
    row, reader = await _found(request), reader_of(request)
    values = {name: row[name] or "" for name in EDITED} | {
        "value": reader.plain_number(row["value"])
    }
    return _one(request, row, Form(values))


async def change_target(request: Request) -> Response:
    """Change it."""
    row, form = await _found(request), await _filled(request)
    resources, caller = resources_of(request), caller_of(request)

    async def keep(given: TargetForm) -> DictRow:
        values = _columns(given, reader_of(request))
        return await change(resources, caller, row["target_id"], values)

    if await form.carry_out(keep) is None:
        return _one(request, row, form, status=form.status)
    return redirect(request, _PATH, flash=reader_of(request).gettext(N_("The target is changed")))


async def delete_target(request: Request) -> Response:
    """Remove it."""
    await remove(resources_of(request), caller_of(request), id_of(request, "target"))
    return redirect(request, _PATH, flash=reader_of(request).gettext(N_("The target is gone")))


async def show_progress(request: Request) -> Response:
    """How far one came, which the list shows once it is known."""
    resources, scope = resources_of(request), principal_of(request).scope
    row = await _found(request)
    target = target_of(row)
    metric = await resources.catalog.entry(scope, target.metric_name)
    now = datetime.now(UTC)
    context: dict[str, Any] = {"target": row, "progress": None, "problem": None, **_WORDS}
    try:
        context["progress"] = await resources.progresses.progress(scope, target, metric, now)
    except DomainError as error:
        context["problem"] = error.message
    return render(request, "targets/progress.html", context)


async def _filled(request: Request) -> Form[TargetForm]:
    form = await read_form(request, TargetForm)
    if form.is_valid and reader_of(request).read_number(form.data.value) is None:
        form.fail("value", N_("It is no number"))
    return form


def _columns(given: TargetForm, reader: Reader) -> dict[str, Any]:
    return given.model_dump() | {"value": reader.read_number(given.value)}


async def _found(request: Request) -> DictRow:
    scope = principal_of(request).scope
    return await find_target(resources_of(request).pool, scope, id_of(request, "target"))


async def _list(request: Request, form: Form[TargetForm], *, status: int = 200) -> Response:
    scope = principal_of(request).scope
    rows = await list_targets(resources_of(request).read_pool, scope)
    context = {"targets": rows, "form": form, **_WORDS}
    return render(request, "targets/list.html", context, status=status)


def _one(request: Request, row: DictRow, form: Form[TargetForm], *, status: int = 200) -> Response:
    context = {"target": row, "form": form, **_WORDS}
    return render(request, "targets/target.html", context, status=status)


_WORDS = {
    "periods": PERIODS,
    "directions": DIRECTIONS,
    "aggregations": choices.AGGREGATIONS,
    "options": choices.options,
}
_ONE = f"{_PATH}/{{id:int}}"
_delete = confirmed(
    N_("Delete? How far it came is not shown any more."), N_("Delete the target"), delete_target
)

PAGES = [
    Page("GET", _PATH, show_targets, scope="metrics:read"),
    Page("POST", _PATH, create_target, scope="catalog:write", idempotent=_PATH),
    Page("GET", _ONE, show_target, scope="catalog:write"),
    Page("POST", _ONE, change_target, scope="catalog:write"),
    Page("POST", f"{_ONE}/delete", _delete, scope="catalog:write"),
    Page("GET", f"{_ONE}/progress", show_progress, scope="metrics:read"),
]
