"""What to expect of a metric: /api/metrics/forecast and /api/metrics/anomalies."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.forecast.anomalies import AnomaliesAnswer, AnomaliesParams
from service.forecast.models import ForecastAnswer, ForecastParams
from service.http.authentication import principal_of
from service.http.endpoint import Endpoint
from service.http.parameters import read_params, zone_of
from service.http.responses import json_response, utc_instant
from service.metrics.expected.judging import Anomaly, anomalies
from service.metrics.expected.minutes import minute_anomalies
from service.metrics.forecasts import ForecastQuery, GroupForecast
from service.metrics.query.periods import named_period
from service.metrics.query.spec import AggregateQuery
from service.runtime.resources import resources_of

_SINGLE = ("model", "unit", "history", "accuracy")


async def forecast_metric(request: Request) -> Response:
    """Values expected of a metric per hour, day, week or month, with a band.

    They come from the metric's own past alone.
    """
    resources, scope = resources_of(request), principal_of(request).scope
    metric = await resources.catalog.entry(scope, request.query_params.get("metric_name", ""))
    if metric.metric_name:
        await resources.catalog.check_known(scope, metric)
    params, dimensions = read_params(request, ForecastParams, frozenset(metric.dimensions))
    zone = zone_of(params.tz, resources.settings.zone)
    query = params.query(metric, dimensions, scope, zone)
    made = await resources.forecasts.forecasts(query, datetime.now(UTC))
    return json_response(_body(query, made))


def _body(query: ForecastQuery, made: list[GroupForecast]) -> dict[str, Any]:
    groups = [_group(one) for one in made]
    single = groups[0] if not query.group_by else dict.fromkeys(_SINGLE)
    body = {
        "success": True,
        "data": [row for one in made for row in _rows(query, one)],
        "metric_name": query.metric.metric_name,
        "aggregation": query.aggregation or query.metric.default_aggregation,
        "period": query.period,
        "timezone": str(query.zone),
        "level": query.level,
        **{name: single[name] for name in _SINGLE},
    }
    return body | {"groups": groups} if query.group_by else body


def _group(one: GroupForecast) -> dict[str, Any]:
    return {
        **one.labels,
        "model": one.forecast.model,
        "unit": one.unit,
        "history": {"periods": one.known, "from": utc_instant(one.since)},
        "accuracy": asdict(one.forecast.accuracy),
    }


def _rows(query: ForecastQuery, one: GroupForecast) -> Iterator[dict[str, Any]]:
    made = one.forecast
    columns = (made.values.tolist(), made.lower.tolist(), made.upper.tolist())
    for start, value, lower, upper in zip(one.starts, *columns, strict=True):
        period = named_period(start, query.period, query.zone)
        yield {
            "period": period.label,
            **one.labels,
            "value": value,
            "lower": lower,
            "upper": upper,
            "start": period.start_text,
            "end": period.end_text,
        }


async def unusual_values(request: Request) -> Response:
    """The complete periods whose values are unusual: outside of what was expected of each.

    By hour, day, week and month it is fitted, of up to 20 groups; by minute each value is weighed
    against those before it in the range.
    """
    resources, scope = resources_of(request), principal_of(request).scope
    metric = await resources.catalog.entry(scope, request.query_params.get("metric_name", ""))
    if metric.metric_name:
        await resources.catalog.check_known(scope, metric)
    params, dimensions = read_params(request, AnomaliesParams, frozenset(metric.dimensions))
    query = params.query(metric, dimensions, scope, zone_of(params.tz, resources.settings.zone))
    result = await resources.aggregates.result(query, datetime.now(UTC))
    if query.period == "minute":
        found = await asyncio.to_thread(minute_anomalies, result, params.sensitivity)
    else:
        own = resources.aggregates.own_part(query)
        told = await resources.expectations.told(own, result.groups, result.now)
        found = await asyncio.to_thread(anomalies, result, told, params.sensitivity)
    return json_response(
        {
            "success": True,
            "data": [_anomaly(query, one) for one in found],
            "metric_name": query.metric_name,
            "aggregation": query.aggregation,
            "period": query.period,
            "timezone": str(query.zone),
            "sensitivity": params.sensitivity,
            "unit": result.unit,
        }
    )


def _anomaly(query: AggregateQuery, one: Anomaly) -> dict[str, Any]:
    period = named_period(one.start, query.period, query.zone)
    return {
        "period": period.label,
        **dict(zip(query.group_by, one.group, strict=True)),
        "value": one.value,
        "expected": one.expected,
        "lower": one.lower,
        "upper": one.upper,
        "score": one.score,
        "direction": one.direction,
        "start": period.start_text,
        "end": period.end_text,
    }


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/metrics/forecast",
        forecast_metric,
        "metrics",
        scope="metrics:read",
        params=ForecastParams,
        response=ForecastAnswer,
    ),
    Endpoint(
        "GET",
        "/api/metrics/anomalies",
        unusual_values,
        "metrics",
        scope="metrics:read",
        params=AnomaliesParams,
        response=AnomaliesAnswer,
    ),
]
