"""Results of queries as rows of files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from service.explore.expected import COLUMNS, ToldOfRows
from service.http.files import BATCH, Batches, Table, in_batches
from service.http.responses import csv_response
from service.metrics.query.periods import named_period
from service.metrics.query.result import Result
from service.metrics.query.samples import SampleQuery, sample_page
from sql.database import Connections


def figures_csv(result: Result, told: ToldOfRows | None = None) -> Response:
    """The rows of a result as CSV; what JSON says beside them if they are not all is in
    headers.
    """
    rows = told.added(result, result.rows) if told else result.rows
    response = csv_response(_columns(result, told), rows)
    response.headers.update(_headers(result))
    return response


def figures_table(result: Result, told: ToldOfRows | None = None) -> Table:
    """The same as a table of a file."""
    query = result.query
    rows: list[Mapping[str, Any]] = list(_rows(result))
    if told:
        rows = [*told.added(result, rows)]
    columns = _columns(result, told)
    return Table(query.metric_name, columns, in_batches(rows), query.zone, _headers(result))


async def sample_batches(reads: Connections, query: SampleQuery) -> Batches:
    """The samples of a query, so many at a time."""
    left = query.limit
    while left > 0:
        page = await sample_page(reads, replace(query, limit=min(left, BATCH)))
        yield page.rows
        left -= len(page.rows)
        if page.next is None:
            return
        query = replace(query, after=page.next)


def _columns(result: Result, told: ToldOfRows | None) -> Sequence[str]:
    also = COLUMNS if told else ()
    return ("period", *result.query.group_by, "value", "start", "end", "complete", *also)


def _headers(result: Result) -> dict[str, str]:
    headers = {"X-Truncated": "true"} if result.is_truncated else {}
    if result.omitted:
        headers["X-Omitted-Frequencies"] = ", ".join(result.omitted)
    if result.missing_members:
        headers["X-Missing-Members"] = ", ".join(result.missing_members)
    return headers


def _rows(result: Result) -> Iterator[Mapping[str, Any]]:
    """As `Result.rows`, with instants that a file tells in its own way."""
    query = result.query
    labels = [dict(zip(query.group_by, group, strict=True)) for group in result.groups]
    for point in result.shown:
        period = named_period(point.start, query.period, query.zone)
        yield {
            "period": period.label,
            **labels[point.group],
            "value": point.value,
            "start": point.start,
            "end": period.end,
            "complete": period.end <= result.now,
        }
