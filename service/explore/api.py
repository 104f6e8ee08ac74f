"""The reading endpoints of /api/metrics."""

from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import address_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.errors import ApiError, Detail, invalid
from service.http.parameters import AggregateParams, QueryParams, read_params
from service.http.responses import csv_response, json_response, utc_instant, wants_csv
from service.metrics.catalog import CatalogPatch, CatalogRow
from service.metrics.query.result import Answer
from service.metrics.query.samples import query_samples
from service.metrics.query.spec import ask
from service.runtime.resources import resources_of
from sql.timezones import BadTimezone, check_whole_hours


class Sample(BaseModel):
    """One sample as submitted."""

    id: int
    metric_name: str
    metric_type: str
    value: float
    unit: str | None
    frequency: str
    timestamp: datetime
    service_name: str | None
    affiliate_id: str | None
    region: str | None
    metadata: dict[str, Any] | None


class SamplePage(BaseModel):
    """A page of samples."""

    success: bool = True
    data: list[Sample]
    count: int
    next_cursor: str | None


class PeriodRow(BaseModel):
    """The figure of one period; with `group_by`, also the group's fields."""

    period: str
    value: float | None
    start: datetime
    end: datetime
    complete: bool


class AggregateAnswer(BaseModel):
    """Figures per period, oldest first."""

    success: bool = True
    data: list[PeriodRow]
    aggregation: str
    period: str
    metric_name: str
    unit: str | None
    timezone: str
    materialized_until: datetime | None
    omitted_frequencies: list[str] = []
    truncated: bool = False


class CatalogAnswer(BaseModel):
    """The catalogue."""

    success: bool = True
    data: list[CatalogRow]
    count: int
    next_cursor: str | None = None


class CatalogEntryAnswer(BaseModel):
    """One entry of the catalogue."""

    success: bool = True
    data: CatalogRow


async def aggregate(request: Request) -> Response:
    """Figures per hour, day, week or month; as CSV with ``Accept: text/csv``."""
    resources = resources_of(request)
    scope = principal_of(request).scope
    metric = await resources.catalog.entry(scope, request.query_params.get("metric_name"))
    params, dimensions = read_params(request, AggregateParams, frozenset(metric.dimensions))
    zone = resources.settings.zone
    if params.tz is not None:
        try:
            zone = check_whole_hours(params.tz)
        except BadTimezone as error:
            raise invalid([Detail(field="tz", message=str(error))]) from error
    question = ask(params, dimensions, scope, metric, zone)
    answer = await resources.aggregates.answer(question, datetime.now(UTC))
    if wants_csv(request):
        return figures_csv(answer)
    until = await resources.aggregates.materialized_until(answer)
    return json_response({**answer.body, "materialized_until": until})


def figures_csv(answer: Answer) -> Response:
    """The rows of an answer as CSV; what JSON says beside them if they are not all is in
    headers.
    """
    columns = ("period", *answer.question.params.group_by, "value", "start", "end", "complete")
    response = csv_response(columns, answer.body["data"])
    if answer.is_truncated:
        response.headers["X-Truncated"] = "true"
    if answer.omitted:
        response.headers["X-Omitted-Frequencies"] = ", ".join(answer.omitted)
    return response


async def list_catalog(request: Request) -> Response:
    """Every metric, what it means, how many series it has and since when."""
    rows = await resources_of(request).catalog.rows(principal_of(request).scope)
    data = [_entry(row) for row in rows]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def patch_catalog(request: Request) -> Response:
    """Change kind, default aggregation, unit, description or dimensions of a metric."""
    row = await change_entry(request, await read_model(request, CatalogPatch))
    return json_response({"success": True, "data": _entry(row)})


async def change_entry(request: Request, change: CatalogPatch) -> DictRow:
    """The entry, afterwards, of the metric in the path.

    Raises:
        ApiError: there is no such metric.
    """
    resources, principal = resources_of(request), principal_of(request)
    name = request.path_params["metric_name"]
    row = await resources.catalog.patch(principal, name, change, address_of(request))
    if row is None:
        raise ApiError(404, f"There is no metric {name}")
    await resources.series.reload_promoted()
    resources.aggregates.forget([(principal.scope.tenant, name)])
    return row


def _entry(row: DictRow) -> dict[str, Any]:
    times = {name: row[name] and utc_instant(row[name]) for name in ("first_sample", "last_sample")}
    return {**row, **times}


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
    Endpoint(
        "GET",
        "/api/metrics/catalog",
        list_catalog,
        "metrics",
        scope="metrics:read",
        response=CatalogAnswer,
    ),
    Endpoint(
        "PATCH",
        "/api/metrics/catalog/{metric_name}",
        patch_catalog,
        "metrics",
        scope="catalog:write",
        body=CatalogPatch,
        response=CatalogEntryAnswer,
    ),
]
