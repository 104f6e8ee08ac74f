"""The audit log: who changed what, when and from where."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.access import audit
from service.audit.models import AuditParams, cursor_behind
from service.http.authentication import principal_of
from service.runtime.resources import resources_of
from service.web.forms import Form, read_filters
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import render

_PATH = "/admin/audit"
_PER_PAGE = 50
_FILTERS = ("actor", "action", "target", "start_date", "end_date")


class Difference(NamedTuple):
    """A field that a change touched; None where there was or is nothing."""

    name: str
    before: Any
    after: Any


async def list_entries(request: Request) -> Response:
    """Changes, newest first, that pass the filters in the address."""
    form = read_filters(request, AuditParams, (*_FILTERS, "cursor"))
    if not form.is_valid:
        return render(request, "audit/list.html", _context(form, [], None, {}), status=422)
    resources, params = resources_of(request), form.data
    found = audit.list_entries(
        resources.read_pool,
        principal_of(request).scope.tenant,
        params.filters(resources.settings.zone),
        position=params.position(),
        limit=_PER_PAGE,
    )
    page, names = await asyncio.gather(found, names_of(request))
    return render(request, "audit/list.html", _context(form, page.rows, cursor_behind(page), names))


def _context(
    form: Form[AuditParams], rows: list[DictRow], following: str | None, names: dict[str, str]
) -> dict[str, Any]:
    chosen = {name: form.values[name] for name in _FILTERS if form.values[name]}
    return {
        "form": form,
        "entries": [(row, list(_differences(row))) for row in rows],
        "names": names,
        "chosen": chosen,
        "next": following and f"{_PATH}?{urlencode({**chosen, 'cursor': following})}",
        "first": form.values["cursor"] and f"{_PATH}?{urlencode(chosen)}",
    }


def _differences(row: DictRow) -> Iterator[Difference]:
    before, after = row["before"] or {}, row["after"] or {}
    for name in {**before, **after}:
        was, now = before.get(name), after.get(name)
        if was != now:
            yield Difference(name, was, now)


PAGES = [Page("GET", _PATH, list_entries, scope="keys:admin")]
