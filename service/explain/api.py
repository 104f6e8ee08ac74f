"""Explaining a change: /api/metrics/explain."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from service.explain.asking import asked_of
from service.explain.models import ExplainAnswer, ExplainParams
from service.http.endpoint import Endpoint
from service.http.responses import json_response
from service.metrics.explanations import Explanation, ExplanationQuery
from service.metrics.query.ranges import Span
from service.runtime.resources import resources_of
from sql.calendar import instant_text


async def explain(request: Request) -> Response:
    """The few sets of labels that account for a change of a metric."""
    now = datetime.now(UTC)
    query = await asked_of(request, now)
    found = await resources_of(request).explanations.explanation(query, now)
    return json_response(_body(query, found))


def _body(query: ExplanationQuery, found: Explanation) -> dict[str, Any]:
    figures = found.query
    return {
        "success": True,
        **asdict(found.account),
        "metric_name": figures.metric_name,
        "aggregation": figures.aggregation,
        "period": figures.period,
        "unit": found.unit,
        "timezone": str(query.zone),
        **_range(found.span, query.zone),
        "compare": query.compare,
        "baselines": [_range(one, query.zone) for one in found.baselines],
        "dimensions": figures.group_by,
    }


def _range(span: Span, zone: ZoneInfo) -> dict[str, str]:
    return {
        "start": instant_text(span.since.astimezone(zone)),
        "end": instant_text(span.before.astimezone(zone)),
    }


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/metrics/explain",
        explain,
        "metrics",
        scope="metrics:read",
        params=ExplainParams,
        response=ExplainAnswer,
    )
]
