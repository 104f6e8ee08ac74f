"""The endpoints that void and replace samples."""

from starlette.requests import Request
from starlette.responses import Response

from service.corrections.models import (
    Replaced,
    ReplaceIn,
    VoidAnswer,
    VoidIn,
    VoidJobAnswer,
    VoidListing,
    VoidManyAnswer,
    VoidManyIn,
    VoidParams,
    cursor_behind,
    job_out,
    void_out,
)
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response, list_response
from service.http.parameters import read_params
from service.http.paths import id_of
from service.http.responses import json_response
from service.metrics.corrections.selections import find_job
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


async def void_selection(request: Request) -> Response:
    """Void every sample of a metric that passes the filters; more than 100,000 as a job (202)."""
    resources, caller = resources_of(request), caller_of(request)
    given = await read_model(request, VoidManyIn)
    scope = caller.principal.scope
    metric = await resources.catalog.entry(scope, given.metric_name)
    await resources.catalog.check_known(scope, metric)
    spec = given.spec(metric, scope, resources.settings.zone)
    voids = resources.selection_voids
    found = await (voids.count if given.dry_run else voids.void)(caller, spec)
    answer = {"success": True, "count": found.number, "sum": found.total}
    if found.job_id is None:
        return json_response(answer)
    job = await find_job(resources.read_pool, scope, found.job_id)
    return json_response(answer | {"data": job_out(job)}, 202)


async def show_job(request: Request) -> Response:
    """How far a void of very many samples came."""
    scope, number = principal_of(request).scope, id_of(request, "job")
    return item_response(job_out(await find_job(resources_of(request).read_pool, scope, number)))


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
        "/api/metrics/void",
        void_selection,
        "metrics",
        scope="metrics:correct",
        body=VoidManyIn,
        response=VoidManyAnswer,
    ),
    Endpoint(
        "GET",
        "/api/metrics/void/{id:int}",
        show_job,
        "metrics",
        scope="metrics:correct",
        response=VoidJobAnswer,
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
