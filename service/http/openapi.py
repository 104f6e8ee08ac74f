"""The OpenAPI document, made from the list that the routes are made from."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import __version__
from service.http.endpoint import Endpoint
from service.http.errors import ErrorResponse
from service.http.workbook import XLSX

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
        schema = _reference(endpoint.body)
        content = {media: {"schema": schema} for media in endpoint.media}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.foreign and endpoint.media:
        content = {media: {"schema": _foreign_schema(media)} for media in endpoint.media}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _foreign_schema(media: str) -> dict[str, str]:
    """Of a body whose shape is another protocol's."""
    if media == "application/json":
        return {"type": "object"}
    is_text = media.startswith("text/") or media.endswith("-text")
    return {"type": "string"} if is_text else {"type": "string", "format": "binary"}


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
    schema: dict[str, Any]
    if endpoint.response:
        schema = _reference(endpoint.response)
        content |= {media: {"schema": schema} for media in endpoint.answers}
    if endpoint.csv:
        content["text/csv"] = {"schema": {"type": "string"}}
        content[XLSX] = {"schema": {"type": "string", "format": "binary"}}
    if endpoint.raw:
        content[endpoint.raw] = {"schema": _foreign_schema(endpoint.raw)}
    success = {"description": "Success", **({"content": content} if content else {})}
    schema = _reference(ErrorResponse)
    if endpoint.error:
        # Those of the service come from those who look at a request before its endpoint does.
        schema = {"anyOf": [_reference(endpoint.error), schema]}
    error = {media: {"schema": schema} for media in endpoint.answers}
    return {str(endpoint.status): success} | {
        str(status): {"description": words, "content": error} for status, words in _ERRORS.items()
    }


def _reference(model: type) -> dict[str, str]:
    """A model by the name that its schema has: pydantic's for generic ones, too."""
    return {"$ref": _REF.format(name=re.sub(r"[^\w.-]", "_", model.__name__))}


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    models = {
        model
        for endpoint in endpoints
        for model in (endpoint.body, endpoint.response, endpoint.error)
        if model
    }
    models.add(ErrorResponse)
    pydantic = [m for m in models if issubclass(m, BaseModel)]
    structs = [m for m in models if not issubclass(m, BaseModel)]
    _, theirs = models_json_schema(
        [(model, "validation") for model in pydantic],
        ref_template=_REF.replace("{name}", "{model}"),
    )
    _, ours = msgspec.json.schema_components(structs, ref_template=_REF)
    return dict(sorted({**theirs.get("$defs", {}), **ours}.items()))
