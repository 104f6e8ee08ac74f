"""The page that compares figures with a CSV of another system."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from service.corrections.comparing import ReconcileIn, compare, difference_out
from service.corrections.csv_file import Row, in_line, rows_of
from service.http.authentication import principal_of
from service.http.validation import problems_of
from service.language.names import title_of
from service.runtime.resources import resources_of
from service.web import choices
from service.web.forms import Form
from service.web.page import Page
from service.web.rendering import render
from sql.calendar import HourOrLonger
from sql.errors import DomainError, Invalid, Problem
from sql.messages import Message
from sql.vocabulary import Aggregation

_PATH = "/explore/reconcile"
_FIELDS = ("metric_name", "aggregation", "period")
_SHOWN = 500
_NOT_LABELS = frozenset({"period", "value", "count"})


class ReconcileForm(BaseModel):
    """What the file is compared with."""

    model_config = ConfigDict(extra="forbid")

    metric_name: str = Field(min_length=1)
    aggregation: Aggregation | None = None
    period: HourOrLonger = "day"


async def show_form(request: Request) -> Response:
    """A file to choose, and what it is compared with."""
    values = {"metric_name": request.query_params.get("metric_name", ""), "period": "day"}
    return await _page(request, Form({**dict.fromkeys((*_FIELDS, "file"), ""), **values}))


async def compare_file(request: Request) -> Response:
    """The differences between figures and the file."""
    given = await request.form()
    values = {name: str(given.get(name, "")) for name in _FIELDS}
    form: Form[ReconcileForm] = Form({**values, "file": ""})
    form.check(ReconcileForm, {name: value for name, value in values.items() if value})
    found = await form.carry_out(lambda wanted: _compared(request, wanted, given.get("file")))
    if found is None:
        return await _page(request, form, status=form.status)
    return await _page(request, form, **found)


async def _compared(request: Request, wanted: ReconcileForm, file: object) -> dict[str, Any]:
    resources, scope = resources_of(request), principal_of(request).scope
    content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        raise Invalid(Problem(Message("Choose a file"), "file"))
    rows = rows_of(content)
    labels = [name for name in rows[0].cells if name not in _NOT_LABELS]
    expected = [row.cells for row in rows]
    try:
        body = ReconcileIn.model_validate(
            {**wanted.model_dump(), "group_by": labels, "expected": expected}
        )
        query, found = await compare(resources, scope, body, datetime.now(UTC))
    except ValidationError as error:
        raise _of_file(problems_of(error), rows) from error
    except Invalid as error:
        raise _of_file(error.problems, rows) from error
    return {
        "matching": found.matching,
        "number": len(found.differences),
        "differences": [difference_out(one, query) for one in found.differences[:_SHOWN]],
        "labels": labels,
    }


def _of_file(problems: Sequence[Problem], rows: Sequence[Row]) -> DomainError:
    """The same problems, at the file: by its lines."""
    return Invalid(
        *(
            Problem(one.message, "file")
            if one.index is None
            else in_line(rows[one.index].line, one.message)
            for one in problems
        )
    )


async def _page(request: Request, form: Form[Any], *, status: int = 200, **found: Any) -> Response:
    resources, principal = resources_of(request), principal_of(request)
    context = {
        "form": form,
        "metrics": await resources.catalog.listed(principal.scope),
        "choices": choices,
        "title_of": title_of,
        "shown": _SHOWN,
        **found,
    }
    return render(request, "corrections/reconcile.html", context, status=status)


PAGES = [
    Page("GET", _PATH, show_form, scope="metrics:correct"),
    Page("POST", _PATH, compare_file, scope="metrics:correct"),
]
