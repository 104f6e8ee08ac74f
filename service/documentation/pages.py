"""``GET /api/openapi.json``, and the same to read: ``GET /docs``, and docs/api.md."""

from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from service.http.parameters import NoParams, read_params
from service.http.responses import json_response

TEMPLATES = Path(__file__).parent / "templates"
_CSP = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def documentation_routes(document: dict[str, Any], page: str) -> list[Route]:
    """Routes of the document and of its page, which are the same for every reader."""

    async def openapi_json(request: Request) -> Response:
        read_params(request, NoParams)
        return json_response(document)

    async def docs(request: Request) -> Response:
        read_params(request, NoParams)
        return page_response(page)

    return [Route("/api/openapi.json", openapi_json), Route("/docs", docs)]


def page_response(page: str) -> Response:
    """The response with a page that `render_page` made."""
    return HTMLResponse(page, headers={"Content-Security-Policy": _CSP})


def render_page(document: dict[str, Any]) -> str:
    """The document as HTML; needs no script and nothing from elsewhere."""
    return _environment(autoescape=True).get_template("docs.html").render(document=document)


def render_markdown(document: dict[str, Any]) -> str:
    """The same behind an introduction, for docs/api.md (`make docs`)."""
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    template = _environment(autoescape=False).get_template("api.md")
    return template.render(document=document, by_tag=by_tag)


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,  # noqa: S701 (Markdown is no HTML)
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["schema_type"] = schema_type
    environment.filters["reference"] = lambda schema: schema["$ref"].rpartition("/")[2]
    environment.filters["example"] = lambda value: msgspec.json.encode(value).decode()
    environment.filters["cell"] = lambda text: text.replace("|", "\\|").replace("\n", " ")
    return environment


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
