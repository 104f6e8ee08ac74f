"""Endpoints as data: the routes and the OpenAPI document are made from the same list."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service import __version__
from service.access.caller import AccessScope
from service.http.authentication import principal_of
from service.http.errors import ApiError, ErrorResponse
from service.http.parameters import NoParams, read_params
from service.runtime.resources import resources_of

Handler = Callable[[Request], Awaitable[Response]]
_REF = "#/components/schemas/{name}"
_ERRORS = {
    400: "Malformed request",
    401: "No key, or not a known one",
    403: "Known, but not allowed",
    404: "Nothing there",
    409: "Idempotency-Key used before with another request",
    413: "Body over 4 MiB",
    415: "Not JSON, or an unknown encoding",
    422: "A field or parameter is wrong; details name each",
    429: "Too many requests; Retry-After says when to try again",
    503: "The database is away or the queue is full; Retry-After says when to try again",
}


@dataclass(frozen=True, slots=True)
class Header:
    """A request header an endpoint understands."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. The handler's docstring is its description; `body` and
    `response` are pydantic or msgspec models, `params` is a pydantic model. `scope` is what a
    caller needs (None: any known caller); `open` ones need no caller at all.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    scope: AccessScope | None = None
    params: type[BaseModel] | None = None
    body: type | None = None
    response: type | None = None
    status: int = 200
    headers: Sequence[Header] = ()
    csv: bool = False
    text: bool = False
    open: bool = False


def routes_of(endpoints: Sequence[Endpoint]) -> list[Route]:
    """One route for each endpoint; HEAD comes with GET."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, []).append(endpoint)
    return [_route(path, members) for path, members in by_path.items()]


def openapi_document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = re.sub(r":\w+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fature business metrics",
            "version": __version__,
            "description": "Submit business metrics, and read them aggregated.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "Bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"ApiKey": []}, {"Bearer": []}],
    }


def _route(path: str, members: Sequence[Endpoint]) -> Route:
    by_method = {endpoint.method: endpoint for endpoint in members}
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]

    async def dispatch(request: Request) -> Response:
        endpoint = by_method[request.method]
        if endpoint.scope and not principal_of(request).may(endpoint.scope):
            raise ApiError(403, f"This needs the scope {endpoint.scope}, which the caller lacks")
        if endpoint.params is None and request.scope["query_string"]:
            read_params(request, NoParams)
        if endpoint.method == "GET":
            return await resources_of(request).reads.retrying(lambda: endpoint.handler(request))
        return await endpoint.handler(request)

    return Route(path, dispatch, methods=list(by_method), name=path)


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    description = inspect.getdoc(endpoint.handler) or ""
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "tags": [endpoint.tag],
        "summary": description.partition("\n")[0],
        "parameters": list(_parameters(endpoint)),
        "responses": _responses(endpoint),
    }
    if endpoint.open:
        operation["security"] = []
    if endpoint.scope:
        operation["description"] = f"Needs the scope {endpoint.scope}."
    if endpoint.body:
        schema = {"$ref": _REF.format(name=endpoint.body.__name__)}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for name, convertor in re.findall(r"{(\w+):?(\w*)", endpoint.path):
        kind = "integer" if convertor == "int" else "string"
        yield {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
    for header in endpoint.headers:
        yield {
            "name": header.name,
            "in": "header",
            "description": header.description,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
    if endpoint.params is None:
        return
    schema = endpoint.params.model_json_schema()
    for name, shape in schema.get("properties", {}).items():
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "description": shape.pop("description", ""),
            "schema": _without_null(shape),
        }


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent rather than null."""
    options = [option for option in shape.pop("anyOf", []) if option != {"type": "null"}]
    shape.pop("title", None)
    if shape.get("default", ...) is None:
        del shape["default"]
    return {**shape, **options[0]} if len(options) == 1 else shape


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if endpoint.response:
        schema = {"$ref": _REF.format(name=endpoint.response.__name__)}
        content["application/json"] = {"schema": schema}
    if endpoint.csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    if endpoint.text:
        content["text/plain"] = {"schema": {"type": "string"}}
    success = {"description": "Success", **({"content": content} if content else {})}
    error = {"application/json": {"schema": {"$ref": _REF.format(name="ErrorResponse")}}}
    return {str(endpoint.status): success} | {
        str(status): {"description": words, "content": error} for status, words in _ERRORS.items()
    }


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    models = {m for endpoint in endpoints for m in (endpoint.body, endpoint.response) if m}
    models.add(ErrorResponse)
    pydantic = [m for m in models if issubclass(m, BaseModel)]
    structs = [m for m in models if not issubclass(m, BaseModel)]
    _, theirs = models_json_schema(
        [(model, "validation") for model in pydantic],
        ref_template=_REF.replace("{name}", "{model}"),
    )
    _, ours = msgspec.json.schema_components(structs, ref_template=_REF)
    return dict(sorted({**theirs.get("$defs", {}), **ours}.items()))
