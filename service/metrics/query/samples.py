"""``GET /api/metrics/query``: samples as submitted, page by page."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql
from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import principal_of
from service.http.errors import Detail, invalid
from service.http.parameters import QueryParams, read_params
from service.http.responses import csv_response, json_response, utc_instant, wants_csv
from service.metrics.query.selection import by_frequency, select_series, selection_of
from service.runtime.resources import resources_of
from sql.database import fetch_all
from sql.statements import array_of, query, union_all
from sql.vocabulary import Order

COLUMNS = (
    "id",
    "metric_name",
    "metric_type",
    "value",
    "unit",
    "frequency",
    "timestamp",
    "service_name",
    "affiliate_id",
    "region",
    "metadata",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_START: dict[Order, tuple[str, int]] = {
    "desc": ("infinity", 2**63 - 1),
    "asc": ("-infinity", 0),
}
_QUERIES: dict[Order, tuple[str, str]] = {
    "desc": ("samples_newest_first", "page_newest_first"),
    "asc": ("samples_oldest_first", "page_oldest_first"),
}


async def query_samples(request: Request) -> Response:
    """Samples as submitted, newest first; as CSV with ``Accept: text/csv``."""
    resources = resources_of(request)
    principal = principal_of(request)
    name = request.query_params.get("metric_name")
    metric = await resources.catalog.entry(principal.scope, name)
    params, dimensions = read_params(request, QueryParams, frozenset(metric.dimensions))
    zone = resources.settings.zone
    params.check(zone)
    cursor = _START[params.order] if params.cursor is None else _position(params)
    selection = selection_of(principal.scope, params, dimensions)
    series = (await select_series(resources.reads, [selection]))[selection]
    rows: list[DictRow] = []
    if series:
        outer, inner = _QUERIES[params.order]
        pages = [
            query(inner).format(samples=sql.Identifier("fature", f"sample_{frequency}"))
            for frequency, _ in by_frequency(series)
        ]
        statement = query(outer).format(pages=union_all(pages))
        values: dict[str, Any] = {
            "series": array_of(one.series_id for one in series),
            "since": params.since(zone) or "-infinity",
            "before": params.before(zone) or "infinity",
            "cursor_ts": cursor[0],
            "cursor_id": cursor[1],
            "limit": params.limit + 1,
        }
        rows = await fetch_all(resources.reads, statement, values)
    return _answer(request, params, rows)


def _answer(request: Request, params: QueryParams, rows: list[DictRow]) -> Response:
    more = len(rows) > params.limit
    rows = rows[: params.limit]
    next_cursor = _cursor(params.order, rows[-1]) if more else None
    data = [{**row, "timestamp": utc_instant(row["timestamp"])} for row in rows]
    if wants_csv(request):
        response = csv_response(COLUMNS, data)
        if next_cursor:
            response.headers["X-Next-Cursor"] = next_cursor
        return response
    return json_response(
        {"success": True, "data": data, "count": len(data), "next_cursor": next_cursor}
    )


def _cursor(order: Order, row: DictRow) -> str:
    """The position of a row; opaque to clients."""
    microseconds = (row["timestamp"] - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(f"{order}:{microseconds}:{row['id']}".encode()).decode()


def _position(params: QueryParams) -> tuple[datetime, int]:
    assert params.cursor is not None
    try:
        order, microseconds, number = base64.urlsafe_b64decode(params.cursor).decode().split(":")
        ts = _EPOCH + int(microseconds) * _MICROSECOND
        sample_id = int(number)
        if order not in _START or not 0 <= sample_id < 2**63:
            raise ValueError
    except (binascii.Error, ValueError, OverflowError) as error:
        raise invalid([Detail(field="cursor", message="Not a cursor from here")]) from error
    if order != params.order:
        raise invalid([Detail(field="cursor", message="It belongs to another order")])
    return ts, sample_id
