"""Requests made up from the OpenAPI document: whatever comes, the answer is a documented one."""

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from service.features import ENDPOINTS
from service.http.endpoint import Endpoint
from tests.conftest import ADMIN_KEY, DatabaseServer, running_service

pytestmark = pytest.mark.one_engine

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
LABELS = {"unit", "service_name", "affiliate_id", "region", "version"}
SUBMITTING = ["/api/metrics", "/api/metrics/batch", "/api/services/health"]

bounded = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer("application/x-protobuf")
def _packed(_: object, value: object) -> bytes:
    """Nothing that a protobuf could be but by chance."""
    return value if isinstance(value, bytes) else repr(value).encode()


@pytest.fixture(scope="module")
def document(
    database_of: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BaseSchema]:
    """The document of a service of its own, as that gives it."""
    folder = tmp_path_factory.mktemp("schemathesis")
    url = database_of.new_database()
    # No rule made here is to be evaluated.
    with running_service(folder, url, FATURE_ALERT_INTERVAL="3600") as service:
        yield schemathesis.openapi.from_url(
            f"{service.url}/api/openapi.json", headers={"X-API-Key": ADMIN_KEY}
        )


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """One connection for all requests, with the key."""
    with requests.Session() as session:
        session.headers["X-API-Key"] = ADMIN_KEY
        yield session


def listed(endpoint: Endpoint) -> str:
    """Its path in the document, which does not say of what type a part of it is."""
    return re.sub(r":\w+}", "}", endpoint.path)


def _id(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {listed(endpoint)}"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_id)
def test_every_answer_to_a_right_request_is_documented(
    document: BaseSchema, session: requests.Session, endpoint: Endpoint
) -> None:
    requests_ = document[listed(endpoint)][endpoint.method].as_strategy(
        generation_mode=GenerationMode.POSITIVE
    )
    try_all(requests_, session)


# Nothing can be wrong with a request that takes neither parameter nor key nor body.
@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if not one.open], ids=_id)
def test_a_wrong_request_is_refused_in_a_documented_way(
    document: BaseSchema, session: requests.Session, endpoint: Endpoint
) -> None:
    requests_ = document[listed(endpoint)][endpoint.method].as_strategy(
        generation_mode=GenerationMode.NEGATIVE
    )
    try_all(requests_, session)


@pytest.mark.parametrize("path", SUBMITTING)
def test_what_the_document_allows_to_be_submitted_is_accepted(
    document: BaseSchema, session: requests.Session, path: str
) -> None:
    requests_ = document[path]["POST"].as_strategy(generation_mode=GenerationMode.POSITIVE)
    try_all(requests_.map(_storable), session, positive_data_acceptance)


def try_all(requests_: SearchStrategy[Case[Any]], session: requests.Session, *more: Any) -> None:
    @bounded
    @given(case=requests_)
    def one(case: Case[Any]) -> None:
        response = case.call(session=session)
        case.validate_response(response, checks=[*CHECKS, *more])

    one()


def _storable(case: Case[Any]) -> Case[Any]:
    """Without what no schema says: how old a sample may be, which characters can be stored, type
    and unit of a metric that is known.
    """
    case.headers.pop("Idempotency-Key", None)
    body = cast("dict[str, Any]", case.body)
    for item in body.get("metrics", [body]):
        item.pop("timestamp", None)
        if "metric_name" in item:
            item["metric_name"] = f"{item['metric_type']}.{item['metric_name']}"[:200]
            item["unit"] = None
        for label in LABELS & item.keys():
            item[label] = item[label] and _printable(item[label])
        item["metadata"] = _without_nul(item.get("metadata"))
    return case


def _printable(text: str) -> str:
    return ("x" + "".join(filter(str.isprintable, text)))[:200]


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(part) for name, part in value.items()}
    return [_without_nul(part) for part in value] if isinstance(value, list) else value
