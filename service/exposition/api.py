"""``GET /metrics/business``."""

from datetime import UTC, datetime

from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from service.exposition.models import ExpositionParams
from service.exposition.openmetrics import MEDIA_TYPE, openmetrics
from service.http.authentication import principal_of
from service.http.endpoint import Endpoint
from service.http.parameters import read_params
from service.metrics.query.beside import beside
from service.runtime.resources import resources_of


async def business_metrics(request: Request) -> Response:
    """Chosen metrics for scraping: OpenMetrics of the last complete and the current period.

    At most ten seconds old, so that several scrapers cost one query.
    """
    params, _ = read_params(request, ExpositionParams)
    query = params.query(principal_of(request).scope)
    newest = await resources_of(request).newest.newest(query, datetime.now(UTC))
    # Thousands of lines would keep everybody else waiting.
    text = await beside(openmetrics, query, newest)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


ENDPOINTS = [
    Endpoint(
        "GET",
        "/metrics/business",
        business_metrics,
        "metrics",
        scope="metrics:read",
        params=ExpositionParams,
        raw=MEDIA_TYPE,
        foreign=True,
        media=(),
    ),
]
