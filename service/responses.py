"""JSON and CSV answers."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`content` as JSON; datetimes as ISO 8601 in UTC unless they carry another zone."""
    return Response(msgspec.json.encode(content), status, headers, "application/json")


def csv_response(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """`rows` as CSV (RFC 4180) with a header line; objects as JSON, nothing as empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(_cell(row.get(column)) for column in columns)
    return Response(buffer.getvalue(), media_type="text/csv")


def wants_csv(request: Request) -> bool:
    """Whether the client asks for CSV rather than JSON."""
    return "text/csv" in request.headers.get("accept", "")


def instant(moment: datetime) -> str:
    """ISO 8601 with the moment's own offset, ``Z`` for UTC."""
    return moment.isoformat().replace("+00:00", "Z")


def utc_instant(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    return instant(moment.astimezone(UTC))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return value
