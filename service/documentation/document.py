"""The OpenAPI document with what every field means and an example of every request."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from service.http.endpoint import Endpoint
from service.http.openapi import openapi_document

MEANINGS = Path(__file__).parent / "meanings.toml"
_JSON = "application/json"


def api_document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document as it is served."""
    document = openapi_document(endpoints)
    schemas = document["components"]["schemas"]
    _describe_fields(schemas)
    _say_defaults(schemas)
    for path, method, operation in operations_of(document):
        _describe_parameters(operation)
        _add_body_example(operation)
        operation["x-codeSamples"] = [{"lang": "Shell", "source": _curl(path, method, operation)}]
    return document


def operations_of(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method in capitals and operation of each endpoint."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


@cache
def _meanings() -> dict[str, Any]:
    return tomllib.loads(MEANINGS.read_text())


def _describe_fields(schemas: dict[str, Any]) -> None:
    meanings = _meanings()["fields"]
    for shape, schema in schemas.items():
        for name, field in schema.get("properties", {}).items():
            meaning = meanings.get(f"{shape}.{name}") or meanings.get(name)
            if meaning and not field.get("description"):
                field["description"] = meaning


def _say_defaults(schemas: dict[str, Any]) -> None:
    """Defaults of fields in words: makers of clients take a field that has one for one that is
    always there.
    """
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            default = field.pop("default", None)
            if default not in (None, "", [], {}):
                words = msgspec.json.encode(default).decode()
                field["description"] = f"{field.get('description', '')} (default {words})".strip()


def _describe_parameters(operation: dict[str, Any]) -> None:
    for parameter in operation["parameters"]:
        meaning = parameter["schema"].pop("description", None)
        usual = _meanings()["parameters"].get(parameter["name"])
        parameter["description"] = parameter.get("description") or meaning or usual or ""
        if parameter["name"] in _meanings()["examples"] and parameter.get("required"):
            parameter["example"] = _meanings()["examples"][parameter["name"]]


def _add_body_example(operation: dict[str, Any]) -> None:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media in _meanings()["media"]:
            content["example"] = _meanings()["media"][media]
        # What has no shape of its own goes by its operation.
        shape = content["schema"].get("$ref", operation["operationId"]).rpartition("/")[2]
        if (example := _meanings()["bodies"].get(shape)) is not None:
            content["example"] = example


def _curl(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """The request as a line of a shell."""
    given = {p["in"]: {} for p in operation["parameters"]}  # type: dict[str, dict[str, Any]]
    for parameter in operation["parameters"]:
        if "example" in parameter:
            given[parameter["in"]][parameter["name"]] = parameter["example"]
    query = urlencode(given.get("query", {}))
    address = path.format_map(given.get("path", {})) + (f"?{query}" if query else "")
    words = ["curl", *([] if method == "GET" else ["-X", method]), f"localhost:5000{address}"]
    if "security" not in operation:
        words += ["-H", '"X-API-Key: $KEY"']
    contents = operation.get("requestBody", {}).get("content", {})
    body = contents.get(_JSON, {}).get("example")
    if body is None:
        for media in contents:
            example = contents[media]["example"]
            words += ["-H", f"'Content-Type: {media}'", "--data-binary", f"'{example}'"]
        return " ".join(words)
    text = msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    return f"{' '.join(words)} -H 'Content-Type: application/json' -d '{text}'"
