"""Breaking a metric down: /api/metrics/breakdown."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.breakdown.models import BreakdownAnswer, BreakdownParams
from service.explore.group_cursors import cursor_of
from service.explore.groups import columns_of, groups_table, rows_of, values_of
from service.http.authentication import principal_of
from service.http.endpoint import Endpoint
from service.http.files import Format, file_response
from service.http.parameters import read_params, zone_of
from service.http.responses import csv_response, json_response
from service.metrics.query.beside import beside
from service.metrics.query.breakdown import Breakdown
from service.runtime.resources import resources_of
from sql.calendar import instant_text


async def break_down(request: Request) -> Response:
    """The groups of a metric over a range, ranked, with what they are compared with.

    As CSV with ``Accept: text/csv``, or as a file with all groups from there on.
    """
    resources, scope = resources_of(request), principal_of(request).scope
    metric = await resources.catalog.entry(scope, request.query_params.get("metric_name", ""))
    if metric.metric_name:
        await resources.catalog.check_known(scope, metric)
    params, dimensions = read_params(request, BreakdownParams, frozenset(metric.dimensions))
    zone = zone_of(params.tz, resources.settings.zone)
    query = params.query(metric, dimensions, scope, zone)
    now = datetime.now(UTC)
    if params.is_file:
        return await file_response(groups_table(resources.breakdowns, query, now), params)
    found = await resources.breakdowns.breakdown(query, now)
    return await beside(_response, params.chosen(request), found)


def _response(chosen: Format, found: Breakdown) -> Response:
    if chosen == "json":
        return json_response(body_of(found))
    response = csv_response(columns_of(found.query), rows_of(found))
    if found.next:
        response.headers["X-Next-Cursor"] = cursor_of(found.query.order, found.next)
    return response


def body_of(found: Breakdown) -> dict[str, Any]:
    """A breakdown as the API answers it."""
    query, figures = found.query, found.query.figures
    zone = figures.zone
    body: dict[str, Any] = {
        "success": True,
        "data": list(rows_of(found)),
        "count": len(found.rows),
        "groups": found.groups,
        "total": values_of(found.total),
        "others": {"groups": found.others.groups, **values_of(found.others.row)},
        "next_cursor": found.next and cursor_of(query.order, found.next),
        "metric_name": figures.metric_name,
        "aggregation": figures.aggregation,
        "period": figures.period,
        "unit": found.unit,
        "timezone": str(zone),
        "start": figures.since and instant_text(figures.since.astimezone(zone)),
        "end": instant_text(found.span.before.astimezone(zone)),
        "compare": query.compare,
        "baselines": [
            {
                "start": instant_text(one.since.astimezone(zone)),
                "end": instant_text(one.before.astimezone(zone)),
            }
            for one in found.baselines
        ],
    }
    if found.is_pending:
        body["pending"] = True
    return body | ({"omitted_frequencies": found.omitted} if found.omitted else {})


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/metrics/breakdown",
        break_down,
        "metrics",
        scope="metrics:read",
        params=BreakdownParams,
        response=BreakdownAnswer,
        csv=True,
    )
]
