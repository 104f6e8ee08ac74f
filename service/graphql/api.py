"""``POST /graphql``."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.graphql.models import GraphQLAnswer, GraphQLRequest
from service.graphql.persisted import NotPersisted, PersistedQueries
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.errors import ApiError, code_of
from service.http.responses import json_response
from service.metrics.query.beside import beside
from service.runtime.resources import resources_of
from sql.errors import DatabaseUnavailable

_RESPONSE = "application/graphql-response+json"
_persisted = PersistedQueries()


async def query_graphql(request: Request) -> Response:
    """Figures, forecasts, the catalogue, rules, events and services in one request of GraphQL.

    Each field needs the scope that it has in the API.
    """
    asked = await read_model(request, GraphQLRequest)
    return response_of(request, await result_of(request, asked))


async def result_of(request: Request, asked: GraphQLRequest) -> dict[str, Any]:
    """The answer to a request.

    Raises:
        ApiError: 400, there is no document.
    """
    try:
        document = _persisted.document(asked.query, asked.extensions)
    except NotPersisted:
        # As Apollo's clients know it.
        extensions = {"code": "PERSISTED_QUERY_NOT_FOUND"}
        return {"errors": [{"message": "PersistedQueryNotFound", "extensions": extensions}]}
    except ValueError as error:
        return {"errors": [{"message": str(error), "extensions": {"code": code_of(422)}}]}
    if not document:
        raise ApiError(400, "There is no query")
    # Imported where it is used first, beside the event loop: it takes a third of the service.
    execution = await beside(_execution)
    found: dict[str, Any] = {}

    async def answer() -> dict[str, Any]:
        nonlocal found
        found, away = await execution.answer(
            request, document, asked.variables, asked.operation_name
        )
        if away:
            raise away
        return found

    try:
        return await resources_of(request).reads.retrying(answer)
    except DatabaseUnavailable:
        # With what other fields are, and the error in place of those that failed.
        return found


def response_of(request: Request, result: dict[str, Any]) -> Response:
    """The answer as its client wants it: where it knows GraphQL's own media type, what could not
    be begun with is 400.
    """
    if _RESPONSE not in request.headers.get("accept", ""):
        return json_response(result)
    response = json_response(result, 200 if "data" in result else 400)
    response.headers["content-type"] = f"{_RESPONSE}; charset=utf-8"
    return response


def _execution() -> Any:
    import service.graphql.execution

    service.graphql.execution.executable_schema()
    return service.graphql.execution


ENDPOINTS = [
    Endpoint(
        "POST",
        "/graphql",
        query_graphql,
        "graphql",
        body=GraphQLRequest,
        response=GraphQLAnswer,
    ),
]
