"""Errors of GraphQL, with the codes of the API."""

from typing import Any

import structlog
from graphql import GraphQLError
from starlette.requests import Request

from service.http.errors import FAILED, FORESEEN, code_of, details_of, explained
from sql.errors import DomainError

_log = structlog.get_logger()


def formatted(request: Request, error: GraphQLError) -> dict[str, Any]:
    """The error as it is answered: what is wrong with the document or an argument is a
    validation error, what is not foreseen is logged.
    """
    shown = dict(error.formatted)
    cause = cause_of(error)
    if cause is None:
        return shown | {"extensions": {"code": code_of(422), **(error.extensions or {})}}
    if not isinstance(cause, FORESEEN):
        _log.error("graphql_failed", path=error.path, exc_info=cause)
        return shown | {"message": str(FAILED), "extensions": {"code": code_of(500)}}
    status, message, _ = explained(request, cause)
    extensions: dict[str, Any] = {"code": code_of(status)}
    if isinstance(cause, DomainError) and cause.problems:
        extensions["details"] = [one.model_dump(exclude_none=True) for one in details_of(cause)]
    return shown | {"message": message, "extensions": extensions}


def cause_of(error: GraphQLError) -> Exception | None:
    """What a resolver raised; None where the document is wrong."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
