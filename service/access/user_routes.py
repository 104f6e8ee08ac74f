"""The endpoints of users, for admins and inside their tenant."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
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
    body = await read_model(request, UserIn)
    with _refusals():
        row, password = await add_user(request, body)
    shown = {"password": password} if password else {}
    headers = {"Cache-Control": "no-store"}
    return json_response({"success": True, "data": user_out(row) | shown}, 201, headers)


async def patch_user(request: Request) -> Response:
    """Change some fields of a user; takes effect on access tokens within 5 seconds."""
    body = await read_model(request, UserPatch)
    with _refusals():
        row = await alter_user(request, body.changes(), body.password)
    return json_response({"success": True, "data": user_out(row)})


async def delete_user(request: Request) -> Response:
    """Remove a user; access tokens end within 5 seconds."""
    row = await remove_user(request)
    return json_response({"success": True, "data": {"id": row["user_id"], "email": row["email"]}})


async def add_user(request: Request, wanted: UserIn) -> tuple[DictRow, str | None]:
    """The new user's row, and their password if it was generated.

    Raises:
        EmailTaken: see there.
        ApiError: too many passwords are hashed at once.
    """
    principal, resources = principal_of(request), resources_of(request)
    password = wanted.password or Secret(generated_password())
    values = wanted.model_dump(exclude={"password"}) | await _hashed(request, password)
    values["tenant"] = principal.scope.tenant
    row = await users.create_user(resources.pool, principal, values, address_of(request))
    resources.sessions.versions.note(row["user_id"], row["version"])
    return row, None if wanted.password else password.get_secret_value()


async def alter_user(
    request: Request, changes: Mapping[str, Any], password: Secret[str] | None
) -> DictRow:
    """The row, afterwards, of the user whose id is in the path; `changes` are columns.

    Raises:
        EmailTaken: see there.
        ApiError: there is no such user, or too many passwords are hashed at once.
    """
    resources, number = resources_of(request), number_of(request, "user")
    row = await users.change_user(
        resources.pool,
        principal_of(request),
        number,
        {**changes, **await _hashed(request, password)},
        datetime.now(UTC),
        address_of(request),
    )
    if row is None:
        raise missing("user", number)
    resources.sessions.versions.note(number, row["version"])
    return row


async def remove_user(request: Request) -> DictRow:
    """The row of the user whose id is in the path, who is gone.

    Raises:
        ApiError: there is no such user.
    """
    resources, number = resources_of(request), number_of(request, "user")
    row = await users.delete_user(
        resources.pool, principal_of(request), number, address_of(request)
    )
    if row is None:
        raise missing("user", number)
    resources.sessions.versions.note(number, None)
    return row


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
