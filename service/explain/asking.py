"""The change that a request asks to explain."""

from datetime import datetime

from starlette.requests import Request

from service.explain.models import ExplainParams
from service.http.authentication import principal_of
from service.http.parameters import read_params, zone_of
from service.metrics.explanations import ExplanationQuery
from service.runtime.resources import resources_of


async def asked_of(request: Request, now: datetime) -> ExplanationQuery:
    """The query that the parameters of a request stand for.

    Raises:
        NotFound: there is no such metric in scope.
        Invalid: a parameter is wrong.
    """
    resources, scope = resources_of(request), principal_of(request).scope
    metric = await resources.catalog.entry(scope, request.query_params.get("metric_name", ""))
    if metric.metric_name:
        await resources.catalog.check_known(scope, metric)
    params, dimensions = read_params(request, ExplainParams, frozenset(metric.dimensions))
    zone = zone_of(params.tz, resources.settings.zone)
    return params.query(metric, dimensions, scope, zone, now)
