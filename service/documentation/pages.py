"""``GET /api/openapi.json``, and the same to read: ``GET /docs``, and docs/api.md."""

import hashlib
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from service.documentation.document import operations_of
from service.http.parameters import NoParams, read_params
from service.http.responses import json_response
from service.web.page import Page
from service.web.site import site_of

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "docs.css").read_text()
# Nothing is loaded, run or sent; the one style is the page's own.
_DIGEST = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_CSP = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LIMITS = (
    ("minimum", "from"),
    ("exclusiveMinimum", "above"),
    ("maximum", "to"),
    ("exclusiveMaximum", "below"),
    ("maxLength", "up to"),
    ("maxItems", "up to"),
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


async def show_documentation(request: Request) -> Response:
    """The API's documentation, to who is signed in."""
    return page_response(site_of(request).documentation)


def page_response(page: str) -> Response:
    """The response with a page that `render_page` made."""
    return HTMLResponse(page, headers={"Content-Security-Policy": _CSP})


def render_page(document: dict[str, Any]) -> str:
    """The document as HTML; needs no script and nothing from elsewhere."""
    template = _environment(autoescape=True).get_template("docs.html")
    # The style as it is: an escaped one would have another digest than the policy says.
    style = Markup(STYLE)  # noqa: S704 - our own file
    return template.render(document=document, by_tag=_by_tag(document), style=style)


def render_markdown(document: dict[str, Any]) -> str:
    """The same behind an introduction, for docs/api.md (`make docs`)."""
    template = _environment(autoescape=False).get_template("api.md")
    return template.render(document=document, by_tag=_by_tag(document))


def _by_tag(document: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """Method, path and operation of each endpoint, by subject."""
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, method, operation in operations_of(document):
        found.setdefault(operation["tags"][0], []).append((method, path, operation))
    return found


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,  # noqa: S701 (Markdown is no HTML)
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["schema_type"] = schema_type
    environment.filters["shape_name"] = shape_name
    environment.filters["reference"] = lambda schema: schema["$ref"].rpartition("/")[2]
    environment.filters["anchor"] = lambda text: "about-" + re.sub(r"\W+", "-", text)
    environment.filters["example"] = lambda value: msgspec.json.encode(value).decode()
    environment.filters["cell"] = lambda text: text.replace("|", "\\|").replace("\n", " ")
    return environment


def shape_name(schema: dict[str, Any]) -> str:
    """The shape that a schema refers to, itself or in its items; empty: none."""
    if "$ref" in schema:
        name: str = schema["$ref"].rpartition("/")[2]
        return name
    parts = [schema.get("items"), *schema.get("anyOf", [])]
    return next(filter(None, (shape_name(part) for part in parts if part)), "")


def schema_type(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words: ``string``, ``array of Sample``, ``hour | day``."""
    if "$ref" in schema:
        return shape_name(schema)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if options := schema.get("anyOf"):
        return " | ".join(schema_type(option) for option in options)
    if schema.get("type") == "array":
        return f"array of {schema_type(schema.get('items', {}))}"
    limits = [f"{words} {schema[name]}" for name, words in _LIMITS if name in schema]
    words = str(schema.get("format") or schema.get("type", "anything"))
    return f"{words} ({', '.join(limits)})" if limits else words


PAGES = [
    Page("GET", "/docs", show_documentation),
    Page("GET", "/documentation", show_documentation),
]
