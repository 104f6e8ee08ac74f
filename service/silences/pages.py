"""Silences: which notifications are muted, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from psycopg.rows import DictRow
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts import registry, silences
from alerts.fields import Text
from alerts.schedule import END, TIME, Schedule
from service.alerts.authors import author_of, scope_of
from service.http.paths import MAX_ID, id_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.forms import Form, pairs_of, read_form
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render
from service.web.session import reader_of
from service.web.words import WORDS
from sql.errors import Invalid
from sql.vocabulary import Severity, Weekday

# Instead of hours: a recurring one that has no end.
ENDLESS = 0
HOURS = {
    1: N_("1 hour"),
    4: N_("4 hours"),
    24: N_("1 day"),
    168: N_("1 week"),
    ENDLESS: N_("no end"),
}


_MATCHERS = {"rule_id", "metric_name", "severity", "service_name", "group", "comment"}


class SilenceForm(BaseModel):
    """Mutes what matches everything that is given, for so many hours from now."""

    model_config = ConfigDict(extra="forbid")

    rule_id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = None
    metric_name: Text | None = None
    severity: Severity | None = None
    service_name: Text | None = None
    group: Annotated[dict[Text, Text], BeforeValidator(pairs_of)] = Field(default_factory=dict)
    days: list[Weekday] = Field(default_factory=list)
    from_time: Annotated[str, Field(pattern=TIME)] | None = None
    to_time: Annotated[str, Field(pattern=END)] | None = None
    hours: Annotated[int, Field(ge=ENDLESS, le=24 * 90)] = 1
    comment: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""


async def list_silences(request: Request) -> Response:
    """Current and coming ones, then the past."""
    own = scope_of(request).service_name
    values: dict[str, Any] = dict.fromkeys(SilenceForm.model_fields, "")
    values |= {"hours": 4, "service_name": own or "", "days": []}
    return await _page(request, Form(values))


async def create_silence(request: Request) -> Response:
    """Mute from now on."""
    form = await read_form(request, SilenceForm)
    author, scope = author_of(request), scope_of(request)
    if not form.is_valid:
        return await _page(request, form, status=422)
    given = form.data
    if scope.service_name is not None:
        given = given.model_copy(update={"service_name": scope.service_name})
    values = given.model_dump(include=_MATCHERS) | {"schedule": _schedule(given)}
    ends_at = author.now + timedelta(hours=given.hours) if given.hours else None
    period = {"starts_at": author.now, "ends_at": ends_at}
    try:
        await silences.add_silence(resources_of(request).pool, scope, values | period, author)
    except Invalid as error:
        form.fail_all(error.problems)
        return await _page(request, form, status=422)
    said = reader_of(request).gettext(N_("Notifications are muted"))
    return redirect(request, "/alerts/silences", flash=said)


def _schedule(given: SilenceForm) -> dict[str, Any] | None:
    """The hours of the business time zone in which it is in force, if any were given."""
    fields = {"days": given.days, "from": given.from_time, "to": given.to_time}
    chosen = {name: value for name, value in fields.items() if value}
    return Schedule.model_validate(chosen).stored if chosen else None


async def end_silence(request: Request) -> Response:
    """End a silence now."""
    number = id_of(request, "silence")
    pool, author = resources_of(request).pool, author_of(request)
    await silences.remove_silence(pool, scope_of(request), number, author)
    said = reader_of(request).gettext(N_("Notifications are sent again"))
    return redirect(request, "/alerts/silences", flash=said)


async def _page(request: Request, form: Form[SilenceForm], *, status: int = 200) -> Response:
    pool, scope, now = resources_of(request).read_pool, scope_of(request), datetime.now(UTC)
    rows = await silences.list_silences(pool, scope)
    rules = await registry.list_rules(pool, scope)
    context: dict[str, Any] = {
        "form": form,
        "current": [row for row in rows if not _is_over(row, now)],
        "past": [row for row in rows if _is_over(row, now)][:50],
        "names": await names_of(request),
        "rules": rules,
        "rule_names": {row["rule_id"]: row["rule_name"] for row in rules},
        "hours": HOURS,
        "own_service": scope.service_name,
        **WORDS,
    }
    return render(request, "silences/list.html", context, status=status)


def _is_over(row: DictRow, now: datetime) -> bool:
    return row["ends_at"] is not None and row["ends_at"] <= now


_LIST = "/alerts/silences"
PAGES = [
    Page("GET", "/alerts/silences", list_silences, scope="alerts:read"),
    Page(
        "POST",
        "/alerts/silences",
        create_silence,
        scope="alerts:write",
        idempotent="/alerts/silences",
    ),
    Page("POST", "/alerts/silences/{id:int}/end", end_silence, scope="alerts:write"),
]
