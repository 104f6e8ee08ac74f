"""GraphiQL: asking and reading the schema in a browser."""

from starlette.requests import Request
from starlette.responses import Response

from service.graphql.api import response_of, result_of
from service.graphql.models import GraphQLRequest
from service.http.bodies import read_model
from service.web.page import Page
from service.web.rendering import render


async def show_graphiql(request: Request) -> Response:
    """The page to ask on."""
    return render(request, "graphql/graphiql.html", {})


async def ask_graphiql(request: Request) -> Response:
    """The answer to what is asked there, for who is signed in."""
    asked = await read_model(request, GraphQLRequest)
    return response_of(request, await result_of(request, asked))


PAGES = [
    Page("GET", "/graphiql", show_graphiql, scope="metrics:read"),
    Page("POST", "/graphiql", ask_graphiql, scope="metrics:read"),
]
