"""The endpoints of users, for admins and inside their tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow
from pydantic import Secret
from starlette.requests import Request
from starlette.responses import Response

from service.access import users
from service.access.passwords import generated_password
from service.http.authentication import address_of, principal_of
from service.http.bodies import read_model
from service.http.endpoint import Endpoint
from service.http.envelopes import Deleted
from service.http.errors import ApiError, Detail
from service.http.paths import id_of
from service.http.responses import json_response
from service.runtime.resources import resources_of
from service.sign_in.api import login_refusals
from service.users.models import (
    NewUserAnswer,
    UserAnswer,
    UserIn,
    UserList,
    UserPatch,
    user_out,
)
from sql.errors import missing


async def list_users(request: Request) -> Response:
    """Every user of the tenant, newest first."""
    tenant = principal_of(request).scope.tenant
    data = [user_out(row) for row in await users.list_users(resources_of(request).pool, tenant)]
    return json_response({"success": True, "data": data, "count": len(data), "next_cursor": None})


async def create_user(request: Request) -> Response:
    """Let somebody log in."""
    body = await read_model(request, UserIn)
    with _refusals():
        row, generated = await make_user(request, body)
    shown = {"password": generated} if generated else {}
    headers = {"Cache-Control": "no-store"}
    return json_response({"success": True, "data": user_out(row) | shown}, 201, headers)


async def patch_user(request: Request) -> Response:
    """Change some fields of a user; takes effect on access tokens within 5 seconds."""
    number, body = id_of(request, "user"), await read_model(request, UserPatch)
    with _refusals():
        row = await edit_user(request, number, body)
    return json_response({"success": True, "data": user_out(row)})


async def delete_user(request: Request) -> Response:
    """Remove a user; access tokens end within 5 seconds."""
    number = id_of(request, "user")
    row = await remove_user(request, number)
    return json_response({"success": True, "data": {"id": number, "email": row["email"]}})


async def make_user(request: Request, body: UserIn) -> tuple[DictRow, str | None]:
    """The new user's row, and the password if one was generated.

    Raises:
        EmailTaken, HashingBusy: see there.
    """
    resources, principal = resources_of(request), principal_of(request)
    generated = None if body.password else generated_password()
    password = Secret(generated) if generated else body.password
    values = body.model_dump(exclude={"password"}) | await _hashed(request, password)
    values["tenant"] = principal.scope.tenant
    row = await users.create_user(resources.pool, principal, values, address_of(request))
    await resources.sessions.versions.reload()
    return row, generated


async def edit_user(request: Request, number: int, body: UserPatch) -> DictRow:
    """The user's row with those changes.

    Raises:
        ApiError: the caller's tenant has no such user.
        EmailTaken, HashingBusy: see there.
    """
    resources, principal = resources_of(request), principal_of(request)
    changes = body.changes() | await _hashed(request, body.password)
    row = await users.change_user(
        resources.pool, principal, number, changes, datetime.now(UTC), address_of(request)
    )
    if row is None:
        raise missing("user", number)
    await resources.sessions.versions.reload()
    return row


async def remove_user(request: Request, number: int) -> DictRow:
    """The row that is gone.

    Raises:
        ApiError: the caller's tenant has no such user.
    """
    resources, principal = resources_of(request), principal_of(request)
    row = await users.delete_user(resources.pool, principal, number, address_of(request))
    if row is None:
        raise missing("user", number)
    await resources.sessions.versions.reload()
    return row


async def _hashed(request: Request, password: Secret[str] | None) -> dict[str, Any]:
    if password is None:
        return {}
    passwords = resources_of(request).sessions.passwords
    return {"password_hash": await passwords.hash(password.get_secret_value())}


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        with login_refusals():
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
