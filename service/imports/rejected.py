"""Rejected rows of an import as a CSV file."""

from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse

from service.http.responses import csv_line
from service.metrics.imports.store import RejectedRow, rejections
from sql.database import Connections
from sql.messages import Message, from_json

_PAGE = 5000


def rejected_response(
    reads: Connections, import_id: int, said: Callable[[Message], str]
) -> StreamingResponse:
    """Each row with its line, field and the reason, `said` in the language of whoever asked."""
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.csv"'}
    return StreamingResponse(_lines(reads, import_id, said), 200, headers, "text/csv")


async def _lines(
    reads: Connections, import_id: int, said: Callable[[Message], str]
) -> AsyncIterator[str]:
    yield csv_line("line", "field", "reason")
    after = RejectedRow(0, 0)
    while rows := await rejections(reads, import_id, after, _PAGE):
        for row in rows:
            yield csv_line(row["line"], row["field"], said(from_json(row["reason"])))
        after = RejectedRow(rows[-1]["line"], rows[-1]["place"])
