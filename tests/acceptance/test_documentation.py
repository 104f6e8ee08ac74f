"""The OpenAPI document and its page: valid, complete, and true of the running service."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import schemathesis

from service.features import ENDPOINTS
from tests.acceptance.talk import BATCH, ONE, accepted, refused, sample
from tests.acceptance.web import signed_in
from tests.clients import TLS
from tests.conftest import Service

pytestmark = pytest.mark.one_engine

DOCUMENT = "/api/openapi.json"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    """The document as the service gives it."""
    answer = service.client.get(DOCUMENT)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    content: dict[str, Any] = answer.json()
    return content


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def parts(value: object) -> Iterator[dict[str, Any]]:
    """Every object within, however deep."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from parts(part)
    elif isinstance(value, list):
        for part in value:
            yield from parts(part)


def shape(document: dict[str, Any], name: str) -> jsonschema_rs.Validator:
    """A validator for the component of that name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_the_check_for_valid_openapi_can_fail(document: dict[str, Any]) -> None:
    broken = {**document, "paths": {"no-slash": {"get": {"responses": 5}}}}
    with pytest.raises(Exception, match="responses"):
        schemathesis.openapi.from_dict(broken).validate()


def test_every_shape_is_a_valid_json_schema(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = {part["$ref"] for part in parts(document) if "$ref" in part}
    assert references
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references == known


def test_every_endpoint_is_listed_and_nothing_else(document: dict[str, Any]) -> None:
    listed = {(method, path) for method, path, _ in operations(document)}
    routes = {(each.method, re.sub(r":\w+}", "}", each.path)) for each in ENDPOINTS}
    assert listed == routes
    assert {(method, path) for method, path in listed if path.startswith("/api/metrics")} == {
        ("POST", "/api/metrics"),
        ("POST", "/api/metrics/batch"),
        ("GET", "/api/metrics/query"),
        ("GET", "/api/metrics/aggregate"),
        ("POST", "/api/metrics/reconcile"),
        ("GET", "/api/metrics/voids"),
        ("POST", "/api/metrics/void"),
        ("GET", "/api/metrics/void/{id}"),
        ("POST", "/api/metrics/{metric_id}/void"),
        ("POST", "/api/metrics/{metric_id}/replace"),
        ("GET", "/api/metrics/breakdown"),
        ("DELETE", "/api/metrics/catalog/{metric_name}"),
        ("GET", "/api/metrics/removals/{id}"),
        ("POST", "/api/metrics/relabel"),
        ("GET", "/api/metrics/explain"),
        ("GET", "/api/metrics/forecast"),
        ("GET", "/api/metrics/anomalies"),
        ("GET", "/api/metrics/catalog"),
        ("PATCH", "/api/metrics/catalog/{metric_name}"),
        ("PUT", "/api/metrics/catalog/{metric_name}"),
    }


def test_every_listed_method_exists_and_no_other_does(
    api: httpx2.Client, document: dict[str, Any]
) -> None:
    for path, methods in document["paths"].items():
        concrete = re.sub(r"{\w+}", "nothing", re.sub(r"{(metric_)?id}", "2147483647", path))
        for method in METHODS:
            answer = api.request(method, concrete)
            assert (answer.status_code != 405) == (method.lower() in methods), (method, path)


def test_every_operation_has_an_id_of_its_own_and_says_what_it_does(
    document: dict[str, Any],
) -> None:
    found = [operation for _, _, operation in operations(document)]
    assert len({operation["operationId"] for operation in found}) == len(found)
    assert all(operation["summary"] for operation in found)


def test_every_parameter_in_a_path_is_described(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        described = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", path))


def test_every_described_query_parameter_is_taken(
    api: httpx2.Client, document: dict[str, Any]
) -> None:
    """An unknown one would be refused as unknown, whatever its value."""
    for method, path, operation in operations(document):
        names = [p["name"] for p in operation["parameters"] if p["in"] == "query"]
        concrete = re.sub(r"{\w+}", "nothing", path.replace("{id}", "2147483647"))
        answer = api.request(method, concrete, params=dict.fromkeys(names, "\x01"))
        assert "Unknown name" not in answer.text, path


def test_only_health_and_log_ins_are_open(document: dict[str, Any]) -> None:
    is_open = {path for _, path, operation in operations(document) if "security" in operation}
    log_ins = {"/api/auth/login", "/api/auth/refresh", "/api/auth/logout"}
    assert is_open == {"/api/health", "/api/ready"} | log_ins
    assert document["security"] == [{"ApiKey": []}, {"Bearer": []}]


def test_every_operation_documents_its_refusals_in_the_one_shape(
    document: dict[str, Any],
) -> None:
    """But other protocols, which have one more of their own."""
    one = {"$ref": "#/components/schemas/ErrorResponse"}
    own = {
        each.path: {"$ref": f"#/components/schemas/{each.error.__name__}"}
        for each in ENDPOINTS
        if each.error
    }
    for _, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]
                expected = {"anyOf": [own[path], one]} if path in own else one
                assert schema == expected, path


GOOD = sample(
    "revenue_hourly",
    unit="BRL",
    service_name=None,
    metadata={"a": [1]},
    timestamp="2026-01-31T12:00:00-03:00",
)
BAD = [
    {"value": "1"},
    {"value": None},
    {"value": True},
    {"metric_name": ""},
    {"metric_name": "a b"},
    {"metric_name": "x" * 201},
    {"metric_name": 5},
    {"metric_type": "turnover"},
    {"frequency": "weekly"},
    {"unit": "x" * 201},
    {"region": 5},
    {"metadata": []},
    {"timestamp": "yesterday"},
    {"timestamp": 5},
    {"colour": "red"},
]


def test_the_document_allows_what_the_service_accepts(document: dict[str, Any]) -> None:
    assert shape(document, "MetricIn").is_valid(GOOD)
    assert shape(document, "BatchIn").is_valid({"metrics": [GOOD] * 1000})


@pytest.mark.parametrize("wrong", BAD, ids=str)
def test_what_the_document_forbids_the_service_refuses(
    api: httpx2.Client, document: dict[str, Any], wrong: dict[str, Any]
) -> None:
    body = {**sample("revenue_hourly"), **wrong}
    assert not shape(document, "MetricIn").is_valid(body)
    refused(api.post(ONE, json=body), 422)
    assert not shape(document, "BatchIn").is_valid({"metrics": [body]})
    refused(api.post(BATCH, json={"metrics": [body]}), 422)


@pytest.mark.parametrize("field", ["metric_name", "metric_type", "value", "frequency"])
def test_the_document_requires_what_the_service_requires(
    document: dict[str, Any], field: str
) -> None:
    body = {name: value for name, value in GOOD.items() if name != field}
    assert not shape(document, "MetricIn").is_valid(body)


def test_the_document_knows_how_large_a_batch_may_be(document: dict[str, Any]) -> None:
    assert not shape(document, "BatchIn").is_valid({"metrics": []})
    assert not shape(document, "BatchIn").is_valid({"metrics": [GOOD] * 1001})


def test_answers_have_the_documented_shapes(
    api: httpx2.Client, document: dict[str, Any], metric: str
) -> None:
    one = api.post(ONE, json=sample(metric, metadata={"a": 1}))
    accepted(one)
    many = api.post(BATCH, json={"metrics": [sample(metric), sample(metric)]})
    accepted(many)
    service = {"service_name": metric, "status": "degraded"}
    params = {"metric_name": metric}
    answers = {
        "Recorded": one,
        "BatchRecorded": many,
        "SamplePage": api.get("/api/metrics/query", params=params),
        "AggregateAnswer": api.get("/api/metrics/aggregate", params=params),
        "CatalogAnswer": api.get("/api/metrics/catalog"),
        "CatalogEntryAnswer": api.patch(
            f"/api/metrics/catalog/{metric}", json={"description": "Mine"}
        ),
        "ReportAnswer": api.post("/api/services/health", json=service),
        "LatestAnswer": api.get("/api/services/health"),
        "HistoryAnswer": api.get(f"/api/services/{metric}/health"),
        "Health": api.get("/api/health"),
        "Ready": api.get("/api/ready"),
        "ErrorResponse": api.get("/api/nothing"),
    }
    for name, answer in answers.items():
        errors = [str(error) for error in shape(document, name).iter_errors(answer.json())]
        assert errors == [], name
    unpaged = {"Health", "Ready", "ErrorResponse", "Recorded", "BatchRecorded"}
    for name in answers.keys() - unpaged:
        assert answers[name].json()["data"], f"{name} was checked without data"


# The page


def test_the_page_lists_every_endpoint_shape_and_field(
    api: httpx2.Client, document: dict[str, Any]
) -> None:
    page = api.get("/docs")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    for method, path, operation in operations(document):
        assert f'<code><span class="method">{method}</span> {path}</code>' in page.text
        assert f'id="{operation["operationId"]}"' in page.text
    for name, schema in document["components"]["schemas"].items():
        assert f'id="{name}"' in page.text
        for field in schema.get("properties", {}):
            assert f"<code>{field}</code>" in page.text


def test_the_page_needs_no_script_and_nothing_from_elsewhere(api: httpx2.Client) -> None:
    page = api.get("/docs")
    assert "<script" not in page.text
    # But for the way back to the pages.
    assert re.findall(r"""(?:src|href)=["'](?!#|/api/openapi\.json)([^"']*)""", page.text) == ["/"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_every_link_of_the_page_leads_somewhere(api: httpx2.Client) -> None:
    text = api.get("/docs").text
    targets = set(re.findall(r'href="#(\w+)"', text))
    assert targets
    assert targets <= set(re.findall(r'id="(\w+)"', text))


@pytest.mark.parametrize("path", ["/docs", DOCUMENT])
def test_documentation_needs_a_key(service: Service, path: str) -> None:
    refused(httpx2.get(service.url + path, verify=TLS), 401)


@pytest.mark.parametrize("path", ["/docs", DOCUMENT])
def test_documentation_can_be_asked_for_its_head(api: httpx2.Client, path: str) -> None:
    answer = api.head(path)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["Content-Length"] == api.get(path).headers["Content-Length"]


def test_who_is_signed_in_reads_it_among_the_pages(api: httpx2.Client) -> None:
    with signed_in(api, "writer") as client:
        assert 'href="/documentation"' in client.get("/account").text
        page = client.get("/documentation")
    assert page.text == api.get("/docs").text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
