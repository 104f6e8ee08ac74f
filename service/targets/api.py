"""The endpoints of targets."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted, item_response, list_response
from service.http.paths import id_of
from service.metrics.targets.store import find_target, list_targets
from service.metrics.targets.target import target_of
from service.runtime.resources import resources_of
from service.targets.keeping import change, create, remove
from service.targets.models import (
    ProgressAnswer,
    TargetAnswer,
    TargetIn,
    TargetList,
    TargetPatch,
    progress_out,
    target_out,
)


async def read_targets(request: Request) -> Response:
    """Every target, newest first."""
    scope = principal_of(request).scope
    rows = await list_targets(resources_of(request).read_pool, scope)
    return list_response([target_out(row) for row in rows])


async def get_target(request: Request) -> Response:
    """One target."""
    number, scope = id_of(request, "target"), principal_of(request).scope
    return item_response(target_out(await find_target(resources_of(request).pool, scope, number)))


async def create_target(request: Request) -> Response:
    """Keep a target of a metric that is known."""
    body = await read_model(request, TargetIn)
    row = await create(resources_of(request), caller_of(request), body.columns())
    return item_response(target_out(row), 201)


async def patch_target(request: Request) -> Response:
    """Change what is given of a target."""
    number, body = id_of(request, "target"), await read_model(request, TargetPatch)
    row = await change(resources_of(request), caller_of(request), number, body.values())
    return item_response(target_out(row))


async def delete_target(request: Request) -> Response:
    """Remove a target."""
    number = id_of(request, "target")
    row = await remove(resources_of(request), caller_of(request), number)
    return item_response({"id": number, "name": row["name"]})


async def get_progress(request: Request) -> Response:
    """How far a target came in the period that is under way, and where that will end."""
    resources, scope = resources_of(request), principal_of(request).scope
    row = await find_target(resources.read_pool, scope, id_of(request, "target"))
    target = target_of(row)
    metric = await resources.catalog.entry(scope, target.metric_name)
    now = datetime.now(UTC)
    progress = await resources.progresses.progress(scope, target, metric, now)
    return item_response(progress_out(target.value, progress))


_ALL = "/api/targets"
_ONE = f"{_ALL}/{{id:int}}"

ENDPOINTS = [
    Endpoint("GET", _ALL, read_targets, "targets", scope="metrics:read", response=TargetList),
    Endpoint(
        "POST",
        _ALL,
        create_target,
        "targets",
        scope="catalog:write",
        body=TargetIn,
        response=TargetAnswer,
        status=201,
    ),
    Endpoint("GET", _ONE, get_target, "targets", scope="metrics:read", response=TargetAnswer),
    Endpoint(
        "PATCH",
        _ONE,
        patch_target,
        "targets",
        scope="catalog:write",
        body=TargetPatch,
        response=TargetAnswer,
    ),
    Endpoint("DELETE", _ONE, delete_target, "targets", scope="catalog:write", response=Deleted),
    Endpoint(
        "GET",
        f"{_ONE}/progress",
        get_progress,
        "targets",
        scope="metrics:read",
        response=ProgressAnswer,
    ),
]
