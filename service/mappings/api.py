"""``GET|PUT /api/mappings`` and ``POST /api/mappings/test``."""

from starlette.requests import Request
from starlette.responses import Response

from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import item_response
from service.mappings.decoding import decoded
from service.mappings.models import (
    MappingAnswer,
    MappingIn,
    MappingTest,
    TrialAnswer,
    mapping_out,
    trial_out,
)
from service.metrics.mapping.mappings import mapping_of
from service.metrics.mapping.trial import tried
from service.runtime.resources import resources_of


async def get_mapping(request: Request) -> Response:
    """The mapping of foreign names to metrics that counts."""
    row = await resources_of(request).mappings.row(principal_of(request).scope)
    return item_response(mapping_out(row))


async def put_mapping(request: Request) -> Response:
    """Replace the mapping whole; every version is kept."""
    mapping = await read_model(request, MappingIn)
    row = await resources_of(request).mappings.replace(caller_of(request), mapping.yaml)
    return item_response(mapping_out(row))


async def try_mapping(request: Request) -> Response:
    """Try what would become of a body of a protocol; nothing is stored."""
    test = await read_model(request, MappingTest)
    scope = principal_of(request).scope
    points = decoded(test.protocol, test.body, scope)
    mapping = None if test.yaml is None else mapping_of(test.yaml)
    trials = await tried(resources_of(request).door, points.points, scope, mapping)
    return item_response(trial_out(points, trials))


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/mappings",
        get_mapping,
        "protocols",
        scope="metrics:read",
        response=MappingAnswer,
    ),
    Endpoint(
        "PUT",
        "/api/mappings",
        put_mapping,
        "protocols",
        scope="catalog:write",
        body=MappingIn,
        response=MappingAnswer,
    ),
    Endpoint(
        "POST",
        "/api/mappings/test",
        try_mapping,
        "protocols",
        scope="metrics:read",
        body=MappingTest,
        response=TrialAnswer,
    ),
]
