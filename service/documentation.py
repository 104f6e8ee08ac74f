"""``GET /api/openapi.json``, and ``GET /docs``, the same as a page to read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from service.openapi import Endpoint, openapi_document
from service.query.params import NoParams, read_params
from service.responses import json_response

TEMPLATES = Path(__file__).parent / "templates"
_CSP = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def documentation_routes(endpoints: Sequence[Endpoint]) -> list[Route]:
    """Both are made once, from the endpoints that validate."""
    document = openapi_document(endpoints)
    page = render_page(document)

    async def openapi_json(request: Request) -> Response:
        read_params(request, NoParams)
        return json_response(document)

    async def docs(request: Request) -> Response:
        read_params(request, NoParams)
        return HTMLResponse(page, headers={"Content-Security-Policy": _CSP})

    return [Route("/api/openapi.json", openapi_json), Route("/docs", docs)]


def render_page(document: dict[str, Any]) -> str:
    """The document as HTML; needs no script and nothing from elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["schema_type"] = schema_type
    environment.filters["reference"] = lambda schema: schema["$ref"].rpartition("/")[2]
    environment.filters["example"] = lambda value: msgspec.json.encode(value).decode()
    return environment.get_template("docs.html").render(document=document)


def schema_type(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words: ``string``, ``array of Sample``, ``hour | day``."""
    if "$ref" in schema:
        name: str = schema["$ref"].rpartition("/")[2]
        return name
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if options := schema.get("anyOf"):
        return " | ".join(schema_type(option) for option in options)
    if schema.get("type") == "array":
        return f"array of {schema_type(schema.get('items', {}))}"
    limits = [
        f"{words} {schema[name]}"
        for name, words in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("maxLength", "up to"),
            ("maxItems", "up to"),
        )
        if name in schema
    ]
    words = str(schema.get("format") or schema.get("type", "anything"))
    return f"{words} ({', '.join(limits)})" if limits else words
