"""``POST /api/metrics/reconcile``."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from service.corrections.comparing import Reconciled, ReconcileIn, compare, difference_out
from service.http.authentication import principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.responses import json_response
from service.runtime.resources import resources_of


async def reconcile_metric(request: Request) -> Response:
    """Compare figures with those of another system, to the cent and the sample."""
    resources, scope = resources_of(request), principal_of(request).scope
    given = await read_model(request, ReconcileIn)
    query, found = await compare(resources, scope, given, datetime.now(UTC))
    differences = [difference_out(one, query) for one in found.differences]
    return json_response({"success": True, "matching": found.matching, "differences": differences})


ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/metrics/reconcile",
        reconcile_metric,
        "metrics",
        scope="metrics:correct",
        body=ReconcileIn,
        response=Reconciled,
    ),
]
