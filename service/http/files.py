"""Tables as files for people: CSV as their spreadsheet opens it, and XLSX. Rows come and go in
batches, so that a million of them take no more memory than a few thousand.
"""

import asyncio
import csv
import io
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service.http.responses import csv_cell, utc_instant, wants_csv
from service.http.workbook import XLSX, Workbook

Format = Literal["json", "csv", "xlsx"]
Locale = Literal["en", "pt-BR"]
Batches = AsyncIterator[Sequence[Mapping[str, Any]]]

# Of a file.
MAX_FILE_ROWS = 1_000_000
BATCH = 5000
_DAY_FORMATS: dict[Locale, str] = {"en": "%Y-%m-%d %H:%M:%S", "pt-BR": "%d/%m/%Y %H:%M:%S"}
_CHUNK = 64 * 1024
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class FileParams(BaseModel):
    """What answers are: JSON, or a file for a spreadsheet."""

    format: Format | None = Field(None, description="By the header Accept if absent")
    locale: Locale | None = Field(
        None,
        description="Files as spreadsheets of that language open them: with a byte order mark, "
        "decimals and separators as usual there, local times",
    )

    def chosen(self, request: Request) -> Format:
        """What the request asks for."""
        if self.format is None:
            return "csv" if wants_csv(request) else "json"
        return self.format

    @property
    def is_file(self) -> bool:
        """Whether a file is asked for by its name."""
        return self.format in ("csv", "xlsx")


@dataclass(frozen=True, slots=True)
class Table:
    """A table under a name; times in it are told in `zone`. `headers` go with the answer."""

    name: str
    columns: Sequence[str]
    batches: Batches
    zone: ZoneInfo
    headers: Mapping[str, str] | None = None


async def file_response(table: Table, params: FileParams) -> Response:
    """The table as a file that is downloaded. What is wrong with it shows in its first rows,
    before the answer begins.
    """
    # A list: the default of anext is what StopIteration is raised with, and a tuple its arguments.
    first: Sequence[Mapping[str, Any]] = await anext(table.batches, [])
    table = replace(table, batches=_with_first(first, table.batches))
    is_workbook = params.format == "xlsx"
    name = f"{_UNSAFE.sub('_', table.name)}.{'xlsx' if is_workbook else 'csv'}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        **(table.headers or {}),
    }
    if is_workbook:
        return await _workbook_response(table, params.locale, headers)
    lines = _lines(table, params.locale)
    return StreamingResponse(lines, media_type="text/csv", headers=headers)


async def in_batches(rows: Sequence[Mapping[str, Any]]) -> Batches:
    """Rows that are all there, a batch at a time."""
    for first in range(0, len(rows), BATCH):
        yield rows[first : first + BATCH]


async def _with_first(first: Sequence[Mapping[str, Any]], others: Batches) -> Batches:
    yield first
    async for batch in others:
        yield batch


async def _lines(table: Table, locale: Locale | None) -> AsyncIterator[str]:
    yield ("\N{BYTE ORDER MARK}" if locale else "") + _csv(table, [table.columns], locale)
    async for batch in table.batches:
        rows = [[row.get(column) for column in table.columns] for row in batch]
        yield await asyncio.to_thread(_csv, table, rows, locale)


def _csv(table: Table, rows: Sequence[Sequence[Any]], locale: Locale | None) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";" if locale == "pt-BR" else ",")
    writer.writerows([_cell(value, locale, table.zone) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: Any, locale: Locale | None, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        if locale is None:
            return utc_instant(value)
        return value.astimezone(zone).strftime(_DAY_FORMATS[locale])
    if isinstance(value, float) and locale == "pt-BR":
        return str(value).replace(".", ",")
    return csv_cell(value)


async def _workbook_response(
    table: Table, locale: Locale | None, headers: Mapping[str, str]
) -> Response:
    """The whole file is made before the first byte goes out: an XLSX ends with its contents."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile())
        book = Workbook(file, table.columns, table.zone, _excel_format(locale))
        async for batch in table.batches:
            await asyncio.to_thread(book.write, batch)
        await asyncio.to_thread(book.close)
        stack.pop_all()
    size = file.seek(0, io.SEEK_END)
    return StreamingResponse(
        _chunks(file), media_type=XLSX, headers={**headers, "Content-Length": str(size)}
    )


def _excel_format(locale: Locale | None) -> str:
    return "dd/mm/yyyy hh:mm:ss" if locale == "pt-BR" else "yyyy-mm-dd hh:mm:ss"


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
