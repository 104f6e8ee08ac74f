"""The endpoints of users, for admins and inside their tenant."""

from starlette.requests import Request
from starlette.responses import Response

from service.access import users
from service.http.authentication import caller_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted, item_response, list_response
from service.http.paths import id_of
from service.runtime.resources import resources_of
from service.users.models import (
    NewUserAnswer,
    UserAnswer,
    UserIn,
    UserList,
    UserPatch,
    user_out,
)


async def list_users(request: Request) -> Response:
    """Every user of the tenant, newest first."""
    tenant = principal_of(request).scope.tenant
    rows = await users.list_users(resources_of(request).pool, tenant)
    return list_response([user_out(row) for row in rows])


async def create_user(request: Request) -> Response:
    """Create a user who can log in."""
    body = await read_model(request, UserIn)
    new = await resources_of(request).users.create(caller_of(request), body.spec())
    shown = {"password": new.generated_password} if new.generated_password else {}
    return item_response(user_out(new.row) | shown, 201, {"Cache-Control": "no-store"})


async def patch_user(request: Request) -> Response:
    """Change some fields of a user; takes effect on access tokens within 5 seconds."""
    number, body = id_of(request, "user"), await read_model(request, UserPatch)
    row = await resources_of(request).users.change(
        caller_of(request), number, body.changes(), body.new_password()
    )
    return item_response(user_out(row))


async def delete_user(request: Request) -> Response:
    """Remove a user; access tokens end within 5 seconds."""
    number = id_of(request, "user")
    row = await resources_of(request).users.delete(caller_of(request), number)
    return item_response({"id": number, "email": row["email"]})


_ONE = "/api/users/{id:int}"

ENDPOINTS = [
    Endpoint("GET", "/api/users", list_users, "access", scope="keys:admin", response=UserList),
    Endpoint(
        "POST",
        "/api/users",
        create_user,
        "access",
        scope="keys:admin",
        body=UserIn,
        response=NewUserAnswer,
        status=201,
    ),
    Endpoint(
        "PATCH",
        _ONE,
        patch_user,
        "access",
        scope="keys:admin",
        body=UserPatch,
        response=UserAnswer,
    ),
    Endpoint("DELETE", _ONE, delete_user, "access", scope="keys:admin", response=Deleted),
]
