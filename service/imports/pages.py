"""The pages of imports: a file to upload, how far each came, what of it was rejected."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of, principal_of
from service.http.parameters import is_key
from service.http.paths import id_of
from service.imports.models import ImportParams, cursor_behind
from service.imports.receive import receive
from service.imports.rejected import rejected_response
from service.imports.rows import Rows, unpacked
from service.language.translations import N_
from service.metrics.imports.store import (
    Format,
    RejectedRow,
    find_import,
    list_imports,
    rejections,
)
from service.runtime.resources import resources_of
from service.web.forms import Form, read_filters
from service.web.live import stream
from service.web.page import Page
from service.web.people import names_of
from service.web.rendering import redirect, render, render_text
from service.web.session import reader_of
from service.web.uploads import Upload, upload_of
from sql.errors import DomainError, Invalid, Problem
from sql.messages import Message, from_json

_PATH = "/imports"
_FORMATS: dict[str, Format] = {"csv": "csv", "ndjson": "ndjson", "jsonl": "ndjson"}
_STATUSES = {
    "receiving": N_("Being read"),
    "interrupted": N_("Interrupted"),
    "counting": N_("Being counted"),
    "done": N_("Complete"),
}
_TONES = {"receiving": "info", "interrupted": "bad", "counting": "info", "done": "good"}
_PER_PAGE = 50
_REJECTED_SHOWN = 100
_EVERY_SECONDS = 2.0


async def show_imports(request: Request) -> Response:
    """Every import, newest first, and a form that uploads a file."""
    # The form sent twice is one import, and so is one that was sent before it broke off.
    return await _page(request, Form({"file": ""}), secrets.token_hex(16))


async def upload_file(request: Request) -> Response:
    """Take the rows of a file, and go on to how far its figures are."""
    upload, form = upload_of(request), Form[Any]({"file": ""})
    key = _key_of(upload)
    try:
        number = await _receive(request, upload, key)
    except DomainError as error:
        form.refuse(error)
        # What was taken of it counts: the next try goes on behind that.
        return await _page(request, form, key, status=form.status)
    said = reader_of(request).gettext(N_("Every row was read"))
    return redirect(request, f"{_PATH}/{number}", flash=said)


async def show_import(request: Request) -> Response:
    """How far an import came, who began it, and its first rejected rows."""
    return render(request, "imports/import.html", await _import(request, await names_of(request)))


async def stream_imports(request: Request) -> Response:
    """The newest imports again whenever one came further."""

    async def parts() -> AsyncIterator[str]:
        names = await names_of(request)
        while True:
            context = await _imports(request, None, names)
            yield render_text(request, "imports/table.html", context)

    return stream(request, parts(), every=_EVERY_SECONDS)


async def stream_import(request: Request) -> Response:
    """An import again whenever it came further."""
    await find_import(
        resources_of(request).read_pool, principal_of(request).scope, id_of(request, "import")
    )

    async def parts() -> AsyncIterator[str]:
        names = await names_of(request)
        while True:
            yield render_text(request, "imports/progress.html", await _import(request, names))

    return stream(request, parts(), every=_EVERY_SECONDS)


async def download_rejected(request: Request) -> Response:
    """The rows that were rejected, with line, field and reason in the reader's words, as CSV."""
    reads, number = resources_of(request).read_pool, id_of(request, "import")
    await find_import(reads, principal_of(request).scope, number)
    return rejected_response(reads, number, reader_of(request).gettext)


def _key_of(upload: Upload) -> str:
    key = upload.fields.get("import_id", "")
    return key if is_key(key) else secrets.token_hex(16)


async def _receive(request: Request, upload: Upload, key: str) -> int:
    if not upload.file_name:
        raise Invalid(Problem(Message("Choose a file"), "file"))
    name = upload.file_name.lower()
    packed = name.endswith(".gz")
    form = _FORMATS.get(name.removesuffix(".gz").rpartition(".")[2])
    if form is None:
        message = Message("A file is called .csv, .ndjson or .jsonl, and .gz behind it as gzip")
        raise Invalid(Problem(message, "file"))
    content = unpacked(upload.content) if packed else upload.content
    rows = Rows(content, has_header=form == "csv", quoted=form == "csv")
    return await receive(resources_of(request), caller_of(request), key, form, rows)


async def _page(
    request: Request, form: Form[Any], import_id: str, *, status: int = 200
) -> Response:
    asked = read_filters(request, ImportParams, ("cursor",))
    before = asked.data.before() if asked.is_valid else None
    context = await _imports(request, before, await names_of(request))
    context |= {"form": form, "import_id": import_id}
    return render(request, "imports/list.html", context, status=status)


async def _imports(request: Request, before: int | None, names: dict[str, str]) -> dict[str, Any]:
    reads, scope = resources_of(request).read_pool, principal_of(request).scope
    page = await list_imports(reads, scope, before=before, limit=_PER_PAGE)
    cursor = cursor_behind(page)
    return {
        "imports": page.rows,
        "names": names,
        "statuses": _STATUSES,
        "tones": _TONES,
        "is_first": before is None,
        "next": cursor and f"{_PATH}?cursor={cursor}",
    }


async def _import(request: Request, names: dict[str, str]) -> dict[str, Any]:
    reads, number = resources_of(request).read_pool, id_of(request, "import")
    scope = principal_of(request).scope
    found = await find_import(reads, scope, number)
    rejected = await rejections(reads, number, RejectedRow(0, 0), _REJECTED_SHOWN)
    return {
        "job": found,
        "rejected": [row | {"reason": from_json(row["reason"])} for row in rejected],
        "may_go_on": found["status"] == "interrupted"
        and found["service_name"] == scope.service_name,
        "names": names,
        "statuses": _STATUSES,
        "tones": _TONES,
        "form": Form({"file": ""}),
    }


PAGES = [
    Page("GET", _PATH, show_imports, scope="metrics:correct"),
    Page("POST", _PATH, upload_file, scope="metrics:correct", upload=True),
    Page("GET", f"{_PATH}/live", stream_imports, scope="metrics:correct"),
    Page("GET", f"{_PATH}/{{id:int}}", show_import, scope="metrics:correct"),
    Page("GET", f"{_PATH}/{{id:int}}/live", stream_import, scope="metrics:correct"),
    Page("GET", f"{_PATH}/{{id:int}}/errors", download_rejected, scope="metrics:correct"),
]
