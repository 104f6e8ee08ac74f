"""One JSON error shape for everything that is no success, and an id on every answer."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from service.features import ENDPOINTS
from service.http.endpoint import Endpoint
from tests.acceptance.talk import BATCH, JSON, ONE, accepted, places, refused, sample, stored
from tests.clients import http_client
from tests.conftest import ADMIN_KEY, Service

pytestmark = pytest.mark.one_engine

CATALOG = "/api/metrics/catalog/revenue_hourly"
REPORT = "/api/services/health"
OPEN = ["/api/health", "/api/ready"]
NOWHERE = ["/api/nothing", "/api", "/api/metrics/", "/nothing", "/api/metrics/batch/1", "//"]


@pytest.fixture(scope="module")
def stranger(service: Service) -> Iterator[httpx2.Client]:
    """A client that has no key."""
    with http_client(service.url) as client:
        yield client


def concrete(endpoint: Endpoint) -> str:
    return re.sub(r"{\w+}", "nothing", re.sub(r"{\w+:int}", "2147483647", endpoint.path))


def _id(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_id)
closed_endpoint = pytest.mark.parametrize(
    "endpoint", [endpoint for endpoint in ENDPOINTS if not endpoint.open], ids=_id
)


# 401

WRONG_KEYS = [
    {},
    {"X-API-Key": ""},
    {"X-API-Key": "wrong"},
    {"X-API-Key": ADMIN_KEY[:-1]},
    {"X-API-Key": ADMIN_KEY + "x"},
    {"X-API-Key": ADMIN_KEY.upper()},
    {"X-API-Key": "' OR '1'='1"},
    {"X-API-Key": "k" * 20_000},
    {"X-API-Key": "ключ".encode()},
    {"Authorization": ""},
    {"Authorization": ADMIN_KEY},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Basic {ADMIN_KEY}"},
    {"Authorization": f"Bearer {ADMIN_KEY} x"},
    {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."},
    {"X-API-Key": "wrong", "Authorization": f"Bearer {ADMIN_KEY}"},
]


@pytest.mark.parametrize("headers", WRONG_KEYS, ids=lambda headers: str(headers)[:60])
def test_without_a_known_key_nothing_is_answered(
    stranger: httpx2.Client, headers: dict[str, Any]
) -> None:
    for path in (ONE, "/api/metrics/catalog", "/docs", "/api/nothing"):
        answer = stranger.get(path, headers=headers)
        error = refused(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "API key" in error["message"]
        assert ADMIN_KEY not in answer.text


@closed_endpoint
def test_every_closed_endpoint_needs_a_key(stranger: httpx2.Client, endpoint: Endpoint) -> None:
    refused(stranger.request(endpoint.method, concrete(endpoint), content=b"{}"), 401)


def test_a_sample_without_a_key_is_not_stored(
    api: httpx2.Client, stranger: httpx2.Client, metric: str
) -> None:
    refused(stranger.post(ONE, json=sample(metric)), 401)
    assert stored(api, metric) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": ADMIN_KEY},
        {"x-api-key": f" {ADMIN_KEY} ".strip()},
        {"Authorization": f"Bearer {ADMIN_KEY}"},
        {"Authorization": f"bearer {ADMIN_KEY}"},
        {"Authorization": f"BEARER  {ADMIN_KEY}"},
        {"X-API-Key": ADMIN_KEY, "Authorization": "Basic eDp5"},
    ],
)
def test_a_known_key_is_let_in_either_way(stranger: httpx2.Client, headers: dict[str, str]) -> None:
    assert stranger.get("/api/metrics/catalog", headers=headers).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_liveness_and_readiness_need_no_key(stranger: httpx2.Client, path: str) -> None:
    assert stranger.get(path).status_code == 200
    assert stranger.get(path, headers={"X-API-Key": "wrong"}).status_code == 200


def test_a_key_in_the_url_is_no_key(stranger: httpx2.Client) -> None:
    params = {"api_key": ADMIN_KEY, "X-API-Key": ADMIN_KEY}
    refused(stranger.get("/api/metrics/catalog", params=params), 401)


# 404 and 405


@pytest.mark.parametrize("path", NOWHERE)
def test_where_nothing_is_404_says_so(api: httpx2.Client, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        error = refused(api.request(method, str(api.base_url).rstrip("/") + path), 404)
        assert error["message"] == f"There is nothing at {path}"


def test_a_metric_that_is_not_there_is_404(api: httpx2.Client, metric: str) -> None:
    error = refused(api.patch(f"/api/metrics/catalog/{metric}", json={"kind": "flow"}), 404)
    assert error["message"] == f"There is no metric {metric}"


@every_endpoint
def test_a_method_that_is_not_there_is_405_and_names_those_that_are(
    api: httpx2.Client, endpoint: Endpoint
) -> None:
    path = concrete(endpoint)
    there = {one.method for one in ENDPOINTS if concrete(one) == path}
    there |= {"HEAD"} if "GET" in there else set()
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - there:
        answer = api.request(method, path)
        error = refused(answer, 405)
        assert error["message"] == f"{method} is not possible at {path}"
        assert set(answer.headers["Allow"].split(", ")) == there


@pytest.mark.parametrize("path", [ONE, "/api/nothing"])
def test_a_refused_head_has_no_body(api: httpx2.Client, path: str) -> None:
    answer = api.head(path)
    assert answer.status_code in (404, 405)
    assert answer.content == b""
    assert answer.headers["X-Request-ID"]


# 422: parameters


# Parameters without which a request is refused for that alone.
NEEDED = {
    "/api/metrics/aggregate": {"metric_name": "revenue_hourly"},
    "/api/metrics/forecast": {"metric_name": "revenue_hourly"},
    "/metrics/business": {"metric": "revenue_hourly"},
    "/api/metrics/anomalies": {"metric_name": "revenue_hourly"},
    "/api/metrics/breakdown": {"metric_name": "revenue_hourly", "group_by": "region"},
    "/api/metrics/explain": {"metric_name": "revenue_hourly", "start_date": "2026-01-01"},
}


@every_endpoint
def test_an_unknown_query_parameter_is_refused(api: httpx2.Client, endpoint: Endpoint) -> None:
    params = NEEDED.get(endpoint.path, {})
    body = b"{}" if endpoint.body else None
    for name in ("limti", "LIMIT", "_", "x\x00", "metric_name[]", "start-date"):
        answer = api.request(
            endpoint.method, concrete(endpoint), params={**params, name: "1"}, content=body
        )
        if endpoint.error and endpoint.params:  # a protocol refuses them as it does all
            assert (answer.status_code, answer.json().keys()) == (422, {"code", "message", "error"})
            assert f"{name}: Unknown name" in answer.json()["message"]
            continue
        error = refused(answer, 422)
        assert error["details"] == [{"field": name, "message": "Unknown name"}]


@pytest.mark.parametrize("path", ["/api/openapi.json", "/docs"])
def test_the_documentation_takes_no_parameters(api: httpx2.Client, path: str) -> None:
    assert places(refused(api.get(path, params={"x": "1"}), 422)) == [(None, "x")]


@pytest.mark.parametrize("path", ["/api/metrics/query", "/api/metrics/aggregate"])
def test_a_repeated_parameter_is_refused(api: httpx2.Client, path: str) -> None:
    query = "metric_name=revenue_hourly&limit=1&limit=2&region=SP&region=SP"
    error = refused(api.get(f"{path}?{query}"), 422)
    message = "Given more than once"
    assert error["details"] == [
        {"field": "limit", "message": message},
        {"field": "region", "message": message},
    ]


def test_everything_wrong_with_the_parameters_is_named_at_once(api: httpx2.Client) -> None:
    query = "limit=0&order=up&start_date=soon&frequency=weekly&colour=red&unit=a&unit=b"
    error = refused(api.get(f"/api/metrics/query?{query}"), 422)
    assert sorted(field or "" for _, field in places(error)) == [
        "colour",
        "frequency",
        "limit",
        "order",
        "start_date",
        "unit",
    ]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/metrics/query", "limit=0", "limit"),
        ("/api/metrics/query", "limit=10001", "limit"),
        ("/api/metrics/query", "limit=-1", "limit"),
        ("/api/metrics/query", "limit=1.5", "limit"),
        ("/api/metrics/query", "limit=", "limit"),
        ("/api/metrics/query", "limit=" + "9" * 5000, "limit"),
        ("/api/metrics/query", "order=", "order"),
        ("/api/metrics/query", "metric_type=turnover", "metric_type"),
        ("/api/metrics/query", "cursor=nonsense", "cursor"),
        ("/api/metrics/query", "cursor=", "cursor"),
        ("/api/metrics/query", "cursor=%00", "cursor"),
        ("/api/metrics/query", "cursor=%C3%A9", "cursor"),
        ("/api/metrics/query", "cursor=YXNjOjE6MQ==", "cursor"),
        ("/api/metrics/query", "start_date=2026-02-30", "start_date"),
        ("/api/metrics/query", "start_date=2026-01-01T00:00:00", "start_date"),
        ("/api/metrics/query", "start_date=0001-01-01", "start_date"),
        ("/api/metrics/query", "end_date=9999-12-31", "end_date"),
        ("/api/metrics/query", "end_date=%00", "end_date"),
        ("/api/metrics/query", "end_date=2026-01-01T00:00:00Z%00x", "end_date"),
        ("/api/metrics/query", "start_date=2026-02-01&end_date=2026-01-01", "end_date"),
        ("/api/metrics/aggregate", "", "metric_name"),
        ("/api/metrics/aggregate", "metric_name=", "metric_name"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&period=decade", "period"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&aggregation=median", "aggregation"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&fill=1", "fill"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&tz=Mars/Olympus", "tz"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&tz=../../etc/passwd", "tz"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&tz=%00", "tz"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&group_by=value", "group_by"),
        ("/api/metrics/aggregate", "metric_name=revenue_hourly&region=%00", "region"),
        ("/api/metrics/query", "unit=a%00", "unit"),
        ("/api/services/x/health", "limit=0", "limit"),
        ("/api/services/x/health", "cursor=nonsense", "cursor"),
        ("/api/services/x/health", "cursor=2026-01-01T00:00:00", "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(api: httpx2.Client, path: str, query: str, field: str) -> None:
    assert places(refused(api.get(f"{path}?{query}"), 422)) == [(None, field)]


@pytest.mark.parametrize(
    "text", ["%00", "a%00b", "%ff%fe", "%ED%A0%80", "%F4%90%80%80", "%E2%80%AE", "%", "%zz"]
)
def test_odd_bytes_in_a_url_are_no_failure(api: httpx2.Client, text: str) -> None:
    for path in (
        f"/api/metrics/query?metric_name={text}",
        f"/api/metrics/query?region={text}",
        f"/api/metrics/aggregate?metric_name={text}&unit={text}",
        f"/api/services/{text}/health",
    ):
        answer = api.get(path)
        if answer.status_code == 200:
            assert answer.json()["data"] == []
        else:
            # Aggregates are of a metric that there is.
            refused(answer, 404 if "aggregate" in path else 422)
    answer = api.patch(f"/api/metrics/catalog/{text}", json={"kind": "flow"})
    refused(answer, 422 if "%00" in text else 404)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ONE), ("POST", BATCH), ("POST", REPORT), ("PATCH", CATALOG)]
)
def test_an_unknown_body_field_is_refused(api: httpx2.Client, method: str, path: str) -> None:
    error = refused(api.request(method, path, json={"colour": "red"}), 422)
    assert (None, "colour") in places(error)


def test_nothing_is_changed_by_a_patch_with_an_unknown_field(api: httpx2.Client) -> None:
    def description() -> Any:
        entries = api.get("/api/metrics/catalog").json()["data"]
        return next(e["description"] for e in entries if e["metric_name"] == "revenue_hourly")

    before = description()
    change = {"description": "changed", "colour": "red"}
    assert places(refused(api.patch(CATALOG, json=change), 422)) == [(None, "colour")]
    assert description() == before


# Always JSON, always with an id


@pytest.mark.parametrize("accept", ["text/html", "text/csv", "application/xml", "*/*", "image/png"])
def test_an_error_is_json_whatever_the_client_would_like(
    api: httpx2.Client, stranger: httpx2.Client, accept: str
) -> None:
    headers = {"Accept": accept, "User-Agent": "Mozilla/5.0"}
    refused(stranger.get("/api/metrics/query", headers=headers), 401)
    refused(api.get("/api/nothing", headers=headers), 404)
    refused(api.delete(ONE, headers=headers), 405)
    refused(api.post(ONE, content=b"{", headers={**JSON, **headers}), 400)
    refused(api.post(ONE, content=b"{}", headers={**headers, "Content-Type": "text/html"}), 415)
    refused(api.get("/api/metrics/query?limit=0", headers=headers), 422)


def test_a_message_shows_text_as_it_came_and_no_html(api: httpx2.Client) -> None:
    answer = api.get("/api/<script>alert(1)</script>")
    refused(answer, 404)
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "given", ["abc", "A-z_0.9:/+=@", "0af7651916cd43dd8448eb211c80319c", "x" * 128]
)
def test_the_callers_request_id_is_taken(
    api: httpx2.Client, stranger: httpx2.Client, metric: str, given: str
) -> None:
    headers = {"X-Request-ID": given}
    answers = [
        api.post(ONE, json=sample(metric), headers=headers),
        api.get("/api/health", headers=headers),
        api.get("/docs", headers=headers),
        api.get("/api/nothing", headers=headers),
        api.delete(ONE, headers=headers),
        stranger.get(ONE, headers=headers),
    ]
    assert [answer.headers["X-Request-ID"] for answer in answers] == [given] * len(answers)
    assert [answer.json()["request_id"] for answer in answers[3:]] == [given] * 3


@pytest.mark.parametrize(
    "given",
    [None, b"", b"x" * 129, b"a b", b"<script>", b'"', b"a\tb", "é".encode(), b"\xff", b"a;b,c"],
)
def test_an_id_that_is_missing_or_odd_is_replaced(api: httpx2.Client, given: bytes | None) -> None:
    headers = {} if given is None else {b"X-Request-ID": given}
    answers = [api.get("/api/nothing", headers=headers) for _ in range(2)]
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert ids[0] != ids[1]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    assert [answer.json()["request_id"] for answer in answers] == ids


def test_the_request_id_is_in_the_log(api: httpx2.Client, service: Service, metric: str) -> None:
    given = f"find-{metric}"
    accepted(api.post(ONE, json=sample(metric), headers={"X-Request-ID": given}))
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if given in line]
    assert [(line["event"], line["request_id"]) for line in lines] == [("metric_recorded", given)]
