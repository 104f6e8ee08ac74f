"""The caller of a request as alerts know one: a scope to read, an author to change."""

from starlette.requests import Request

from alerts.context import Author
from service.http.authentication import caller_of, principal_of
from service.runtime.resources import resources_of
from sql.scope import Scope


def scope_of(request: Request) -> Scope:
    """The scope of the caller."""
    return principal_of(request).scope


def author_of(request: Request) -> Author:
    """The caller as one who changes something."""
    caller, context = caller_of(request), resources_of(request).message_context
    return Author(caller.principal.id, caller.now, context, caller.address)
