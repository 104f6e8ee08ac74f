"""The endpoints of users, for admins and inside their tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pydantic import Secret
from starlette.requests import Request
from starlette.responses import Response

from service.access import users
from service.access.audit import address_of
from service.access.login_routes import login_refusals
from service.access.passwords import generated_password
from service.access.user_models import (
    NewUserAnswer,
    UserAnswer,
    UserIn,
    UserList,
    UserPatch,
    user_out,
)
from service.auth import principal_of
from service.bodies import read_model
from service.errors import ApiError, Detail
from service.items import Deleted, missing, number_of
from service.openapi import Endpoint
from service.resources import resources_of
from service.responses import json_response


async def list_users(request: Request) -> Response:
    """Every user of the tenant, newest first."""
    tenant = principal_of(request).scope.tenant
    data = [user_out(row) for row in await users.list_users(resources_of(request).pool, tenant)]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def create_user(request: Request) -> Response:
    """Let somebody log in."""
    principal = principal_of(request)
    body = await read_model(request, UserIn)
    password = body.password or Secret(generated_password())
    values = body.model_dump(exclude={"password"}) | await _hashed(request, password)
    values["tenant"] = principal.scope.tenant
    with _refusals():
        row = await users.create_user(
            resources_of(request).pool, principal, values, address_of(request)
        )
    resources_of(request).sessions.versions.note(row["user_id"], row["version"])
    shown = {} if body.password else {"password": password.get_secret_value()}
    headers = {"Cache-Control": "no-store"}
    return json_response({"success": True, "data": user_out(row) | shown}, 201, headers)


async def patch_user(request: Request) -> Response:
    """Change some fields of a user; takes effect on access tokens within 5 seconds."""
    principal, number = principal_of(request), number_of(request, "user")
    body = await read_model(request, UserPatch)
    changes = body.changes() | await _hashed(request, body.password)
    resources = resources_of(request)
    with _refusals():
        row = await users.change_user(
            resources.pool,
            principal,
            number,
            changes,
            datetime.now(UTC),
            address_of(request),
        )
    if row is None:
        raise missing("user", number)
    resources.sessions.versions.note(number, row["version"])
    return json_response({"success": True, "data": user_out(row)})


async def delete_user(request: Request) -> Response:
    """Remove a user; access tokens end within 5 seconds."""
    principal, number = principal_of(request), number_of(request, "user")
    resources = resources_of(request)
    row = await users.delete_user(resources.pool, principal, number, address_of(request))
    if row is None:
        raise missing("user", number)
    resources.sessions.versions.note(number, None)
    return json_response({"success": True, "data": {"id": number, "email": row["email"]}})


async def _hashed(request: Request, password: Secret[str] | None) -> dict[str, Any]:
    if password is None:
        return {}
    with login_refusals():
        passwords = resources_of(request).sessions.passwords
        return {"password_hash": await passwords.hash(password.get_secret_value())}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except users.EmailTaken as error:
        message = f"There is another user with the email {error}"
        raise ApiError(409, message, [Detail(field="email", message=message)]) from error


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
