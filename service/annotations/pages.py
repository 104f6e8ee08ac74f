"""The page of annotations: what happened, and a form that notes more."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from alerts.fields import Text
from service.annotations.models import AnnotationIn, AnnotationParams, Name, Said
from service.annotations.paging import read_page
from service.http.authentication import caller_of, principal_of
from service.http.paths import id_of
from service.http.validation import problems_of
from service.language.translations import N_
from service.metrics.annotations import create_annotation, delete_annotation
from service.runtime.resources import resources_of
from service.web.confirmation import confirmed
from service.web.forms import Form, read_filters, read_form
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render
from service.web.session import reader_of
from sql.errors import Invalid

_PATH = "/annotations"
_FILTERS = ("metric_name", "service_name", "tag", "start_date", "end_date")


def _listed(value: object) -> object:
    """The tags of a field, with commas between them."""
    if not isinstance(value, list):
        return value
    return [tag for text in value for part in text.split(",") if (tag := part.strip())]


class AnnotationForm(BaseModel):
    """What is filled in, with times of the business time zone."""

    model_config = ConfigDict(extra="forbid")

    at: datetime
    to: datetime | None = None
    text: Said
    tags: Annotated[list[Text], BeforeValidator(_listed)] = []
    metric_name: Name | None = None
    service_name: Text | None = None

    def annotation(self, zone: ZoneInfo) -> AnnotationIn:
        """The same as it is taken by the API.

        Raises:
            Invalid: a time that nothing can have, or too many or too long tags.
        """
        start = self.at.replace(tzinfo=zone).isoformat()
        end = self.to and self.to.replace(tzinfo=zone).isoformat()
        times = {"from": start, "to": end} if end else {"at": start}
        kept = self.model_dump(include={"text", "tags", "metric_name", "service_name"})
        try:
            return AnnotationIn.model_validate(times | kept)
        except ValidationError as error:
            raise Invalid(*problems_of(error)) from error


async def show_annotations(request: Request) -> Response:
    """What happened, newest first."""
    return await _page(request, Form(_empty(request)))


async def create(request: Request) -> Response:
    """Note what happened."""
    form, resources = await read_form(request, AnnotationForm), resources_of(request)
    zone, caller = resources.settings.zone, caller_of(request)

    async def keep(given: AnnotationForm) -> Any:
        return await create_annotation(resources.pool, caller, given.annotation(zone).new())

    if form.is_valid and form.data.to and form.data.to < form.data.at:
        form.fail("to", N_("It is before the beginning"))
    if await form.carry_out(keep) is None:
        return await _page(request, form, status=form.status)
    said = reader_of(request).gettext(N_("The annotation is on the charts"))
    return redirect(request, _PATH, flash=said)


async def delete(request: Request) -> Response:
    """Remove one."""
    number = id_of(request, "annotation")
    await delete_annotation(resources_of(request).pool, caller_of(request), number)
    said = reader_of(request).gettext(N_("The annotation is gone"))
    return redirect(request, _PATH, flash=said)


def _empty(request: Request) -> Mapping[str, str]:
    now = datetime.now(UTC).astimezone(resources_of(request).settings.zone)
    given = request.query_params
    blank = dict.fromkeys(AnnotationForm.model_fields, "")
    return blank | {"at": f"{now:%Y-%m-%dT%H:%M}", "metric_name": given.get("metric_name", "")}


async def _page(request: Request, form: Form[AnnotationForm], *, status: int = 200) -> Response:
    resources, scope = resources_of(request), principal_of(request).scope
    filters = read_filters(request, AnnotationParams, (*_FILTERS, "cursor"))
    rows: list[DictRow] = []
    cursor = None
    if filters.is_valid:
        zone = resources.settings.zone
        rows, cursor = await read_page(resources.read_pool, scope, filters.data, zone)
    chosen = {name: filters.values[name] for name in _FILTERS if filters.values[name]}
    context = {
        "form": form,
        "filters": filters,
        "annotations": rows,
        "older": cursor and "?" + urlencode(chosen | {"cursor": cursor}),
        "first": "?" + urlencode(chosen) if filters.values["cursor"] else None,
        "names": await names_of(request),
    }
    return render(request, "annotations/list.html", context, status=status)


_delete = confirmed(
    N_("Delete? It is drawn on no chart any more."), N_("Delete the annotation"), delete
)

PAGES = [
    Page("GET", _PATH, show_annotations, scope="metrics:read"),
    Page("POST", _PATH, create, scope="annotations:write", idempotent=_PATH),
    Page("POST", f"{_PATH}/{{id:int}}/delete", _delete, scope="annotations:write"),
]
