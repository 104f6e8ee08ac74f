"""``/api/imports``: history from a file, as a stream."""

import secrets
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of, principal_of
from service.http.bodies import check_media_type, is_packed, stream_of
from service.http.endpoint import Endpoint, Header
from service.http.envelopes import item_response, list_response
from service.http.parameters import key_of_header, read_params
from service.http.paths import id_of
from service.imports.models import (
    ImportAnswer,
    ImportListing,
    ImportParams,
    cursor_behind,
    import_out,
)
from service.imports.receive import receive
from service.imports.rejected import rejected_response
from service.imports.rows import Rows, unpacked
from service.metrics.imports.store import Format, find_import, list_imports
from service.runtime.resources import resources_of

_MEDIA: dict[str, Format] = {
    "text/csv": "csv",
    "application/jsonl": "ndjson",
    "application/x-ndjson": "ndjson",
}
_IMPORT_ID = Header(
    "X-Import-Id",
    "Makes an import repeatable: sent again with the same rows, it goes on behind the last one "
    "that was read, and counts nothing twice; other rows under the same name are 409.",
)


async def import_history(request: Request) -> Response:
    """Import samples of any age that days are kept for, one JSON object a line or as CSV."""
    resources, caller = resources_of(request), caller_of(request)
    form = _MEDIA[check_media_type(request, *_MEDIA)]
    rows = Rows(_body(request), has_header=form == "csv", quoted=form == "csv")
    key = key_of_header(request, "X-Import-Id") or secrets.token_hex(16)
    number = await receive(resources, caller, key, form, rows)
    found = await find_import(resources.read_pool, caller.principal.scope, number)
    return item_response(import_out(found), 202)


async def list_all(request: Request) -> Response:
    """Imports, newest first."""
    params, _ = read_params(request, ImportParams)
    page = await list_imports(
        resources_of(request).read_pool,
        principal_of(request).scope,
        before=params.before(),
        limit=params.limit,
    )
    return list_response([import_out(row) for row in page.rows], cursor_behind(page))


async def show_import(request: Request) -> Response:
    """How far an import came; its figures are right in all levels when it is done."""
    pool, scope = resources_of(request).read_pool, principal_of(request).scope
    return item_response(import_out(await find_import(pool, scope, id_of(request, "import"))))


async def show_errors(request: Request) -> Response:
    """The rows that were rejected, with line, field and reason, as CSV."""
    resources, number = resources_of(request), id_of(request, "import")
    await find_import(resources.read_pool, principal_of(request).scope, number)
    return rejected_response(resources.read_pool, number, str)


def _body(request: Request) -> AsyncIterator[bytes]:
    return unpacked(stream_of(request)) if is_packed(request) else stream_of(request)


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/imports",
        import_history,
        "metrics",
        scope="metrics:correct",
        media=tuple(_MEDIA),
        response=ImportAnswer,
        status=202,
        headers=(_IMPORT_ID,),
    ),
    Endpoint(
        "GET",
        "/api/imports",
        list_all,
        "metrics",
        scope="metrics:correct",
        params=ImportParams,
        response=ImportListing,
    ),
    Endpoint(
        "GET",
        "/api/imports/{id:int}",
        show_import,
        "metrics",
        scope="metrics:correct",
        response=ImportAnswer,
    ),
    Endpoint(
        "GET",
        "/api/imports/{id:int}/errors",
        show_errors,
        "metrics",
        scope="metrics:correct",
        raw="text/csv",
    ),
]
