"""Error pages: the responses to exceptions on pages, in the reader's language."""

from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.http.errors import (
    FAILED,
    ApiError,
    error_response,
    headers_of,
    on_http_exception,
    rejection,
    status_of,
    unavailable,
)
from service.language.translations import N_
from service.web.rendering import render
from sql.errors import DatabaseError, DatabaseUnavailable, DataRejected, DomainError
from sql.messages import Message

_log = structlog.get_logger()

_TITLES = {
    400: N_("That could not be understood"),
    403: N_("Not for you"),
    404: N_("Nothing here"),
    405: N_("Not possible here"),
    409: N_("Somebody was quicker"),
    413: N_("Too much at once"),
    422: N_("Something is not right"),
    429: N_("Too many attempts"),
    503: N_("Back in a moment"),
}
_NOTHING = N_("There is no page at this address")


def error_page(
    request: Request, status: int, message: str | Message, headers: dict[str, str] | None = None
) -> Response:
    """A page that says what is wrong; to htmx the message alone, shown above the page; to a
    program, which asks for no HTML, what the API would say.
    """
    part = "hx-request" in request.headers
    reads_html = part or "text/html" in request.headers.get("accept", "")
    if "session" not in request.scope or not reads_html:
        return error_response(request, status, str(message), headers=headers)
    if part:
        target = {"HX-Retarget": "#notices", "HX-Reswap": "beforeend", "HX-Reselect": "unset"}
        headers = {**(headers or {}), **target}
    context = {
        "status": status,
        "title": _TITLES.get(status, N_("Something went wrong")),
        "message": message,
        "request_id": request.scope.get("request_id", ""),
    }
    template = "parts/error.html" if part else "error.html"
    return render(request, template, context, status=status, headers=headers)


async def _on_api_error(request: Request, error: ApiError) -> Response:
    return error_page(request, error.status, error.message)


def _refusal(request: Request, error: DomainError) -> Response:
    return error_page(request, status_of(error), error.message, headers_of(error))


async def _on_domain_error(request: Request, error: DomainError) -> Response:
    return _refusal(request, error)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers) if error.headers else None
    if "text/html" not in request.headers.get("accept", ""):
        return await on_http_exception(request, error)
    message = _NOTHING if error.status_code == 404 else error.detail
    return error_page(request, error.status_code, message, headers)


async def _on_unavailable(request: Request, error: DatabaseUnavailable) -> Response:
    _log.warning("database_unavailable", reason=str(error))
    return _refusal(request, unavailable(error))


async def _on_rejected(request: Request, error: DataRejected) -> Response:
    _log.warning("data_rejected", reason=str(error))
    return _refusal(request, rejection(error))


async def _on_failure(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=request.url.path, exc_info=error)
    return error_page(request, 500, FAILED)


EXCEPTION_HANDLERS: dict[Any, Any] = {
    ApiError: _on_api_error,
    DomainError: _on_domain_error,
    HTTPException: _on_http_exception,
    DatabaseUnavailable: _on_unavailable,
    DataRejected: _on_rejected,
    DatabaseError: _on_failure,
    Exception: _on_failure,
}
