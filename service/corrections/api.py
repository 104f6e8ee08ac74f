"""The endpoints that void and replace samples."""

from starlette.requests import Request
from starlette.responses import Response

from service.corrections.models import (
    Replaced,
    ReplaceIn,
    VoidAnswer,
    VoidIn,
    VoidListing,
    VoidParams,
    cursor_behind,
    void_out,
)
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response, list_response
from service.http.parameters import read_params
from service.http.paths import id_of
from service.http.responses import json_response
from service.metrics.corrections.voids import list_voids
from service.runtime.resources import resources_of


async def void_sample(request: Request) -> Response:
    """Take a sample out of every figure; who did it, when and why is kept."""
    number, given = id_of(request, "sample", "metric_id"), await read_model(request, VoidIn)
    corrections = resources_of(request).corrections
    return item_response(void_out(await corrections.void(caller_of(request), number, given.reason)))


async def replace_sample(request: Request) -> Response:
    """Void a sample and store one like it with another value, in one transaction."""
    number, given = id_of(request, "sample", "metric_id"), await read_model(request, ReplaceIn)
    corrections, caller = resources_of(request).corrections, caller_of(request)
    void = await corrections.replace(caller, number, given.value, given.reason)
    answer = {"success": True, "metric_id": void["replaced_by"], "replaces": void["id"]}
    return json_response(answer)


async def list_voided(request: Request) -> Response:
    """Samples that were voided, the last voided first, with who, when and why."""
    params, _ = read_params(request, VoidParams)
    resources = resources_of(request)
    page = await list_voids(
        resources.read_pool,
        principal_of(request).scope,
        params.filters(resources.settings.zone),
        after=params.after(),
        limit=params.limit,
    )
    return list_response([void_out(row) for row in page.rows], cursor_behind(page))


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/metrics/voids",
        list_voided,
        "metrics",
        scope="metrics:read",
        params=VoidParams,
        response=VoidListing,
    ),
    Endpoint(
        "POST",
        "/api/metrics/{metric_id:int}/void",
        void_sample,
        "metrics",
        scope="metrics:correct",
        body=VoidIn,
        response=VoidAnswer,
    ),
    Endpoint(
        "POST",
        "/api/metrics/{metric_id:int}/replace",
        replace_sample,
        "metrics",
        scope="metrics:correct",
        body=ReplaceIn,
        response=Replaced,
    ),
]
