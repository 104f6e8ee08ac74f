"""The one JSON error shape, and what becomes of every exception."""

from collections.abc import Sequence
from typing import Any

import structlog
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.http.responses import json_response
from sql.errors import (
    Busy,
    Conflict,
    ConnectionLost,
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    DataRejected,
    DiskFull,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Throttled,
    Unauthenticated,
)
from sql.messages import Message

_log = structlog.get_logger()

AWAY = Message("The database is away; try again")
FAILED = Message("Something went wrong here; it has been logged")
_CODES = {
    400: "malformed_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}


# The more special first.
_STATUSES: dict[type[DomainError], int] = {
    Invalid: 422,
    NotFound: 404,
    Forbidden: 403,
    Unauthenticated: 401,
    Conflict: 409,
    Throttled: 429,
    Busy: 503,
}


# The more special first.
_UNAVAILABLE: dict[type[DatabaseUnavailable], Message] = {
    DiskFull: Message("The database has no room left; nothing was stored"),
    ConnectionLost: Message("The database did not answer; whether anything was changed is unknown"),
    DatabaseTimeout: Message("The database did not answer in time; try again"),
    DatabaseUnavailable: AWAY,
}


class Detail(BaseModel):
    """An error in one field, and the index of the item in a batch: a `Problem` as JSON."""

    index: int | None = None
    field: str | None = None
    message: str


class ErrorBody(BaseModel):
    """The error itself."""

    code: str
    message: str
    details: list[Detail] = []


class ErrorResponse(BaseModel):
    """Every answer that is not a success."""

    success: bool = False
    error: ErrorBody
    request_id: str


class ApiError(Exception):
    """An answer other than success that is about HTTP alone: 400, 413, 415."""

    def __init__(
        self,
        status: int,
        message: str | Message,
        details: Sequence[Detail] = (),
    ) -> None:
        super().__init__(str(message))
        self.status = status
        self.message = message
        self.details = details


def malformed_header(name: str, message: str) -> ApiError:
    """400 for a header that cannot be read."""
    return ApiError(400, message, [Detail(field=name, message=message)])


def too_large(message: str | Message) -> ApiError:
    """413 for a body over a limit."""
    return ApiError(413, message)


def error_response(
    request: Request,
    status: int,
    message: str,
    details: Sequence[Detail] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """The error shape as a response."""
    body = {
        "success": False,
        "error": {
            "code": code_of(status),
            "message": message,
            "details": [detail.model_dump(exclude_none=True) for detail in details],
        },
        "request_id": request.scope.get("request_id", ""),
    }
    return json_response(body, status, headers)


async def _on_api_error(request: Request, error: ApiError) -> Response:
    return error_response(request, error.status, str(error.message), error.details)


async def on_http_exception(request: Request, error: HTTPException) -> Response:
    """404 and 405 of the router."""
    path = request.url.path
    message = {
        404: f"There is nothing at {path}",
        405: f"{request.method} is not possible at {path}",
    }.get(error.status_code, error.detail)
    headers = dict(error.headers) if error.headers else None
    return error_response(request, error.status_code, message, headers=headers)


def refusal(request: Request, error: DomainError) -> Response:
    """An error of the domain as a response, in English."""
    return error_response(
        request, status_of(error), str(error), details_of(error), headers=headers_of(error)
    )


def details_of(error: DomainError) -> list[Detail]:
    """What is wrong with which item or field."""
    return [Detail(index=p.index, field=p.field, message=str(p.message)) for p in error.problems]


def code_of(status: int) -> str:
    """The code of errors of that status."""
    return _CODES.get(status, "error")


def status_of(error: DomainError) -> int:
    """The status of an error of the domain."""
    return next(status for kind, status in _STATUSES.items() if isinstance(error, kind))


def headers_of(error: DomainError) -> dict[str, str] | None:
    """When to try again, or how to say who one is."""
    match error:
        case Busy():
            return {"Retry-After": str(error.retry_after)}
        case Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
    return None


async def _on_domain_error(request: Request, error: DomainError) -> Response:
    return refusal(request, error)


async def _on_database_error(
    request: Request, error: DatabaseUnavailable | DataRejected
) -> Response:
    return refusal(request, as_domain_error(request, error))


def as_domain_error(request: Request, error: DatabaseUnavailable | DataRejected) -> DomainError:
    """The refusal that a caller gets for an error of the database, which is logged."""
    if isinstance(error, DataRejected):
        _log.warning("data_rejected", reason=str(error))
        return rejection(error)
    _log.warning("database_unavailable", reason=str(error))
    if isinstance(error, DiskFull):
        request.state.resources.writer.disk_is_full = True
    return unavailable(error)


# What a protocol with errors of its own says in its own way; all else is a failure.
FORESEEN = (ApiError, DomainError, DatabaseUnavailable, DataRejected)


def explained(request: Request, error: Exception) -> tuple[int, str, dict[str, str] | None]:
    """Status, English text and headers for one of the errors `FORESEEN`."""
    if isinstance(error, ApiError):
        return error.status, str(error.message), None
    if isinstance(error, DatabaseUnavailable | DataRejected):
        error = as_domain_error(request, error)
    assert isinstance(error, DomainError)
    return status_of(error), str(error), headers_of(error)


def unavailable(error: DatabaseUnavailable) -> Busy:
    """The error for a caller whose request met a database that did not answer."""
    return Busy(next(text for kind, text in _UNAVAILABLE.items() if isinstance(error, kind)))


def rejection(error: DataRejected) -> Invalid:
    """The error for a caller whose request has a value that the database cannot store."""
    message = Message("The database refused a value: {reason}", {"reason": str(error)})
    return Invalid(Problem(message))


async def _on_failure(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=request.url.path, exc_info=error)
    return error_response(request, 500, str(FAILED))


EXCEPTION_HANDLERS: dict[Any, Any] = {
    DomainError: _on_domain_error,
    ApiError: _on_api_error,
    HTTPException: on_http_exception,
    DatabaseUnavailable: _on_database_error,
    DataRejected: _on_database_error,
    DatabaseError: _on_failure,
    Exception: _on_failure,
}
