"""Endpoints as data, and the routes made from them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.access.caller import AccessScope
from service.http.authentication import check_scope
from service.http.parameters import NoParams, read_params
from service.runtime.resources import resources_of

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Header:
    """A request header an endpoint understands."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. The handler's docstring is its description; `body` and `response` are
    pydantic or msgspec models, `params` is a pydantic model, `raw` is the media type of an answer
    without one. `scope` is what a caller needs (None: any known caller); `open` ones need no caller
    at all. A `foreign` one speaks a protocol of its own: bodies are of the media types `media`,
    answers of `answers`, callers may also authenticate as its clients do, and `error` is the shape
    of its refusals.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    scope: AccessScope | None = None
    params: type[BaseModel] | None = None
    body: type | None = None
    response: type | None = None
    status: int = 200
    headers: Sequence[Header] = ()
    csv: bool = False
    raw: str | None = None
    open: bool = False
    foreign: bool = False
    media: Sequence[str] = ("application/json",)
    answers: Sequence[str] = ("application/json",)
    error: type | None = None


def routes_of(endpoints: Sequence[Endpoint]) -> list[Route]:
    """One route for each endpoint; HEAD comes with GET."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, []).append(endpoint)
    return [_route(path, members) for path, members in by_path.items()]


def _route(path: str, members: Sequence[Endpoint]) -> Route:
    by_method = {endpoint.method: endpoint for endpoint in members}
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]

    async def dispatch(request: Request) -> Response:
        endpoint = by_method[request.method]
        if endpoint.scope:
            check_scope(request, endpoint.scope)
        if endpoint.params is None and request.scope["query_string"]:
            read_params(request, NoParams)
        if endpoint.method == "GET":
            return await resources_of(request).reads.retrying(lambda: endpoint.handler(request))
        return await endpoint.handler(request)

    return Route(path, dispatch, methods=list(by_method), name=path)
