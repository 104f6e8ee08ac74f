"""The endpoints of the catalogue."""

from starlette.requests import Request
from starlette.responses import Response

from service.catalog.editing import change_metric, define_derived
from service.catalog.models import (
    CatalogAnswer,
    CatalogEntryAnswer,
    CatalogPatch,
    DerivedIn,
    entry_out,
)
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response, list_response
from service.runtime.resources import resources_of


async def list_catalog(request: Request) -> Response:
    """Every metric, what it means, how many series it has and since when."""
    resources, scope = resources_of(request), principal_of(request).scope
    rows = await resources.catalog.rows(scope)
    missing = await resources.catalog.missing_members(scope)
    beside = resources.members.answer(missing)
    return list_response([entry_out(row) for row in rows], None, **beside)


async def patch_catalog(request: Request) -> Response:
    """Change kind, default aggregation, unit, description or dimensions of a metric."""
    patch = await read_model(request, CatalogPatch)
    name = request.path_params["metric_name"]
    row = await change_metric(resources_of(request), caller_of(request), name, patch.change)
    return item_response(entry_out(row))


async def put_derived(request: Request) -> Response:
    """Define a metric by a formula of others, new or anew."""
    given = await read_model(request, DerivedIn)
    name = request.path_params["metric_name"]
    row = await define_derived(resources_of(request), caller_of(request), name, given.definition)
    return item_response(entry_out(row))


ENDPOINTS = [
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
    Endpoint(
        "PUT",
        "/api/metrics/catalog/{metric_name}",
        put_derived,
        "metrics",
        scope="catalog:write",
        body=DerivedIn,
        response=CatalogEntryAnswer,
    ),
]
