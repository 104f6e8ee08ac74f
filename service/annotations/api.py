"""The endpoints of annotations."""

from starlette.requests import Request
from starlette.responses import Response

from service.annotations.models import (
    AnnotationAnswer,
    AnnotationIn,
    AnnotationList,
    AnnotationParams,
    annotation_out,
)
from service.annotations.paging import read_page
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted, item_response, list_response
from service.http.parameters import read_params
from service.http.paths import id_of
from service.metrics.annotations import create_annotation, delete_annotation
from service.runtime.resources import resources_of


async def read_annotations(request: Request) -> Response:
    """What happened in a range, newest first."""
    params, _ = read_params(request, AnnotationParams)
    resources, scope = resources_of(request), principal_of(request).scope
    rows, cursor = await read_page(resources.read_pool, scope, params, resources.settings.zone)
    return list_response([annotation_out(row) for row in rows], cursor)


async def note_annotation(request: Request) -> Response:
    """Note what happened, such as a deployment or a campaign; it is drawn on charts."""
    body = await read_model(request, AnnotationIn)
    row = await create_annotation(resources_of(request).pool, caller_of(request), body.new())
    return item_response(annotation_out(row), 201)


async def remove_annotation(request: Request) -> Response:
    """Remove an annotation."""
    number = id_of(request, "annotation")
    row = await delete_annotation(resources_of(request).pool, caller_of(request), number)
    return item_response({"id": number, "text": row["text"]})


_ALL = "/api/annotations"

ENDPOINTS = [
    Endpoint(
        "GET",
        _ALL,
        read_annotations,
        "annotations",
        scope="metrics:read",
        params=AnnotationParams,
        response=AnnotationList,
    ),
    Endpoint(
        "POST",
        _ALL,
        note_annotation,
        "annotations",
        scope="annotations:write",
        body=AnnotationIn,
        response=AnnotationAnswer,
        status=201,
    ),
    Endpoint(
        "DELETE",
        f"{_ALL}/{{id:int}}",
        remove_annotation,
        "annotations",
        scope="annotations:write",
        response=Deleted,
    ),
]
