"""JSON and CSV answers."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.responses import Response

from sql.calendar import instant_text


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`content` as JSON; datetimes as ISO 8601 in UTC unless they carry another zone."""
    return Response(msgspec.json.encode(content), status, headers, "application/json")


# A spreadsheet runs a cell that begins so as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_response(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Response:
    """`rows` as CSV (RFC 4180) with a header line; objects as JSON, nothing as empty. Text that
    a spreadsheet would run as a formula begins with an apostrophe.
    """
    lines = [csv_line(*columns)]
    lines += [csv_line(*(row.get(column) for column in columns)) for row in rows]
    return Response("".join(lines), media_type="text/csv")


def csv_line(*cells: Any) -> str:
    """A line of such CSV."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(map(csv_cell, cells))
    return buffer.getvalue()


def csv_cell(value: Any) -> Any:
    """A value as a cell of CSV that no spreadsheet runs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def wants_csv(request: Request) -> bool:
    """Whether the client asks for CSV by its name, and for nothing better for JSON."""
    accept = ",".join(request.headers.getlist("accept"))
    if "csv" not in accept.lower():
        return False
    wanted = _accepted(accept)
    csv_weight = wanted.get(b"text/csv", 0.0)
    return csv_weight > 0 and csv_weight >= wanted.get(b"application/json", 0.0)


def utc_instant(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    return instant_text(moment.astimezone(UTC))


def _accepted(header: str) -> dict[bytes, float]:
    """The weight of each media range, in small letters; what cannot be read is left out."""
    found: dict[bytes, float] = {}
    for part in header.split(","):
        media_range, options = parse_options_header(part)
        with suppress(ValueError):
            weight = float(options.get(b"q", 1.0))
            found[media_range] = max(weight, found.get(media_range, 0.0))
    return found
