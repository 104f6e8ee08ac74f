"""The endpoints of names for the values of labels."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted, item_response, list_response
from service.http.pagination import cursor_with, key_of
from service.http.parameters import read_params
from service.labels.models import (
    LabelNameAnswer,
    LabelNameIn,
    LabelNameList,
    LabelNamesParams,
    name_out,
)
from service.metrics.ingest.labels import label_problem, label_text
from service.runtime.resources import resources_of
from sql.errors import Invalid, Problem
from sql.messages import Message

_MAX_VALUE = 200
_decoder = msgspec.json.Decoder(tuple[str, str])


async def list_label_names(request: Request) -> Response:
    """The names of a label's values, in the order of the values."""
    params, _ = read_params(request, LabelNamesParams)
    label = request.path_params["label"]
    listing = f"label_names.{label}"
    after = None if params.cursor is None else key_of(listing, params.cursor, _decoder)[0]
    names, scope = resources_of(request).label_names, principal_of(request).scope
    rows = await names.rows(scope, label, params.limit + 1, after)
    page = rows[: params.limit]
    more = len(rows) > len(page)
    following = cursor_with(listing, page[-1]["value"]) if more else None
    return list_response([name_out(row) for row in page], following)


async def put_label_name(request: Request) -> Response:
    """Give a value of a label the name that people are shown instead of it."""
    label, value = _place(request)
    body = await read_model(request, LabelNameIn)
    names = resources_of(request).label_names
    row = await names.put(caller_of(request), label, value, body.name)
    return item_response(name_out(row))


async def delete_label_name(request: Request) -> Response:
    """Show a value as it is again."""
    label, value = _place(request)
    row = await resources_of(request).label_names.remove(caller_of(request), label, value)
    return item_response(name_out(row))


def _place(request: Request) -> tuple[str, str]:
    """The label and the value, as samples have it.

    Raises:
        Invalid: no label can have it.
    """
    label, value = request.path_params["label"], label_text(request.path_params["value"])
    problem = label_problem("value", value)
    if not value or len(value) > _MAX_VALUE:
        problem = Message("Use 1 to {number} characters", {"number": _MAX_VALUE})
    if problem:
        raise Invalid(Problem(problem, "value"))
    return label, value


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/labels/{label}",
        list_label_names,
        "labels",
        scope="metrics:read",
        params=LabelNamesParams,
        response=LabelNameList,
    ),
    Endpoint(
        "PUT",
        "/api/labels/{label}/{value:path}",
        put_label_name,
        "labels",
        scope="catalog:write",
        body=LabelNameIn,
        response=LabelNameAnswer,
    ),
    Endpoint(
        "DELETE",
        "/api/labels/{label}/{value:path}",
        delete_label_name,
        "labels",
        scope="catalog:write",
        response=Deleted,
    ),
]
