"""Silences: which notifications are muted, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts import registry, silences
from alerts.rules import Text
from service.alerts.access import author_of, reach_of
from service.http.paths import MAX_ID, id_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render
from service.web.session import reader_of
from service.web.words import WORDS
from sql.errors import missing
from sql.vocabulary import Severity

HOURS = {
    1: N_("1 hour"),
    4: N_("4 hours"),
    24: N_("1 day"),
    168: N_("1 week"),
}


class SilenceForm(BaseModel):
    """Mutes what matches everything that is given, for so many hours from now."""

    model_config = ConfigDict(extra="forbid")

    rule_id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = None
    metric_name: Text | None = None
    severity: Severity | None = None
    service_name: Text | None = None
    hours: Annotated[int, Field(ge=1, le=24 * 90)] = 1
    comment: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""


async def list_silences(request: Request) -> Response:
    """Current and coming ones, then the past."""
    own = reach_of(request).only_service
    values = dict.fromkeys(SilenceForm.model_fields, "") | {"hours": 4, "service_name": own or ""}
    return await _page(request, Form(values))


async def create_silence(request: Request) -> Response:
    """Mute from now on."""
    form = await read_form(request, SilenceForm)
    author, reach = author_of(request), reach_of(request)
    pool = resources_of(request).pool
    if not form.is_valid:
        return await _page(request, form, status=422)
    wanted = form.data
    if reach.only_service is not None:
        wanted = wanted.model_copy(update={"service_name": reach.only_service})
    if wanted.rule_id and await registry.find_rule(pool, reach, wanted.rule_id) is None:
        form.fail("rule_id", N_("There is no such rule"))
        return await _page(request, form, status=422)
    values = wanted.model_dump(exclude={"hours"})
    period = {"starts_at": author.now, "ends_at": author.now + timedelta(hours=wanted.hours)}
    await silences.add_silence(pool, reach, values | period, author)
    said = reader_of(request).gettext(N_("Notifications are muted"))
    return redirect(request, "/alerts/silences", said=said)


async def end_silence(request: Request) -> Response:
    """End a silence now."""
    pool, author = resources_of(request).pool, author_of(request)
    number = id_of(request, "silence")
    if not await silences.remove_silence(pool, reach_of(request), number, author):
        raise missing("silence", number)
    said = reader_of(request).gettext(N_("Notifications are sent again"))
    return redirect(request, "/alerts/silences", said=said)


async def _page(request: Request, form: Form[SilenceForm], *, status: int = 200) -> Response:
    pool, reach, now = resources_of(request).read_pool, reach_of(request), datetime.now(UTC)
    rows = await silences.list_silences(pool, reach)
    rules = await registry.list_rules(pool, reach)
    context: dict[str, Any] = {
        "form": form,
        "current": [row for row in rows if row["ends_at"] > now],
        "past": [row for row in rows if row["ends_at"] <= now][:50],
        "names": await names_of(request),
        "rules": rules,
        "rule_names": {row["rule_id"]: row["rule_name"] for row in rules},
        "hours": HOURS,
        "own_service": reach.only_service,
        **WORDS,
    }
    return render(request, "silences/list.html", context, status=status)


PAGES = [
    Page("GET", "/alerts/silences", list_silences, scope="alerts:read"),
    Page("POST", "/alerts/silences", create_silence, scope="alerts:write", once="/alerts/silences"),
    Page("POST", "/alerts/silences/{id:int}/end", end_silence, scope="alerts:write"),
]
