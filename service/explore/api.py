"""Reading samples and figures: /api/metrics/query and /api/metrics/aggregate."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.explore.expected import ToldOfRows
from service.explore.models import (
    AggregateAnswer,
    AggregateParams,
    QueryParams,
    Sample,
    SamplePage,
    listing,
)
from service.explore.rows import figures_csv, figures_table, sample_batches
from service.http.authentication import principal_of
from service.http.endpoint import Endpoint
from service.http.envelopes import list_response
from service.http.files import Table, file_response
from service.http.pagination import cursor_of
from service.http.parameters import read_params, zone_of
from service.http.responses import csv_response, json_response, utc_instant
from service.metrics.federation.merging import check_own
from service.metrics.query.beside import beside
from service.metrics.query.result import Result
from service.metrics.query.samples import sample_page
from service.runtime.resources import resources_of

# Rows that are written beside the event loop: they would keep everybody else waiting.
_MANY = 1000
_COLUMNS = tuple(Sample.model_fields)


async def query_samples(request: Request) -> Response:
    """Samples as submitted here, newest first; also as CSV (``Accept: text/csv``) or a file."""
    resources, scope = resources_of(request), principal_of(request).scope
    name = request.query_params.get("metric_name")
    metric = None if name is None else await resources.catalog.entry(scope, name)
    params, dimensions = read_params(
        request, QueryParams, frozenset(metric.dimensions if metric else ())
    )
    check_own(dimensions)
    query = params.query(metric, dimensions, scope, resources.settings.zone)
    if params.is_file:
        batches = sample_batches(resources.reads, query)
        table = Table(name or "samples", _COLUMNS, batches, resources.settings.zone)
        return await file_response(table, params)
    page = await sample_page(resources.reads, query)
    next_cursor = page.next and cursor_of(listing(params.order), *page.next)
    data = [{**row, "timestamp": utc_instant(row["timestamp"])} for row in page.rows]
    if params.chosen(request) == "csv":
        response = csv_response(_COLUMNS, data)
        if next_cursor:
            response.headers["X-Next-Cursor"] = next_cursor
        return response
    return list_response(data, next_cursor)


async def aggregate(request: Request) -> Response:
    """Figures per period, from a minute to a year; also as CSV (``Accept: text/csv``) or file."""
    resources, scope = resources_of(request), principal_of(request).scope
    metric = await resources.catalog.entry(scope, request.query_params.get("metric_name", ""))
    # Nobody knows the dimensions of a metric that does not exist.
    is_misspelt = metric.metric_name and not metric.is_known
    also = frozenset(request.query_params if is_misspelt else metric.dimensions)
    params, dimensions = read_params(request, AggregateParams, also)
    if is_misspelt:
        await resources.catalog.check_known(scope, metric)
    zone = zone_of(params.tz, resources.settings.zone)
    query = params.query(metric, dimensions, scope, zone)
    result = await resources.aggregates.result(query, datetime.now(UTC))
    if not result.points:
        await resources.catalog.check_known(scope, metric)
    told = await _told(request, result) if params.expected else None
    if params.is_file:
        return await file_response(figures_table(result, told), params)
    until = await resources.aggregates.materialized_until(result)
    if len(result.points) < _MANY:
        return _response(request, params, result, told, until)
    return await beside(_response, request, params, result, told, until)


async def _told(request: Request, result: Result) -> ToldOfRows:
    """What was expected of the rows, and how complete their periods are."""
    resources, now = resources_of(request), result.now
    query = resources.aggregates.own_part(result.query)
    told = await resources.expectations.told(query, result.groups, now)
    starts = sorted({point.start for point in result.shown})
    return ToldOfRows(told, await resources.reporters.completeness(query, starts, now))


def _response(
    request: Request,
    params: AggregateParams,
    result: Result,
    told: ToldOfRows | None,
    until: datetime | None,
) -> Response:
    if params.chosen(request) == "csv":
        return figures_csv(result, told)
    members = resources_of(request).members.answer(result.missing_members)
    body = _body(result, told) | members
    return json_response({**body, "materialized_until": until and utc_instant(until)})


def _body(result: Result, told: ToldOfRows | None) -> dict[str, Any]:
    query = result.query
    body: dict[str, Any] = {
        "success": True,
        "data": told.added(result, result.rows) if told else result.rows,
        "aggregation": query.aggregation,
        "period": query.period,
        "metric_name": query.metric_name,
        "unit": result.unit,
        "timezone": str(query.zone),
    }
    if result.omitted:
        body["omitted_frequencies"] = result.omitted
    if result.is_truncated:
        body["truncated"] = True
    return body


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/metrics/query",
        query_samples,
        "metrics",
        scope="metrics:read",
        params=QueryParams,
        response=SamplePage,
        csv=True,
    ),
    Endpoint(
        "GET",
        "/api/metrics/aggregate",
        aggregate,
        "metrics",
        scope="metrics:read",
        params=AggregateParams,
        response=AggregateAnswer,
        csv=True,
    ),
]
