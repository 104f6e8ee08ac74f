"""Administration of users: who signs in, and what they may."""

from typing import Any

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from alerts.rules import Text
from service.access import users
from service.access.user_models import Email, Name, NewPassword, UserIn
from service.access.user_routes import add_user, alter_user, remove_user
from service.items import missing, number_of
from service.resources import resources_of
from service.scope import Role
from service.web.forms import Form, read_form
from service.web.languages import marked
from service.web.pages import Page
from service.web.rendering import redirect, render
from service.web.visits import reader_of, signed_in_user

_PATH = "/admin/users"
_TAKEN = marked("Somebody else has that email")


class UserForm(BaseModel):
    """All of a user; a password only where it is another one."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""
    role: Role
    service_name: Text | None = None
    active: bool = False
    password: NewPassword | None = None


class OwnForm(BaseModel):
    """What admins change of themselves here: nothing that might lock them out."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""


async def list_users(request: Request) -> Response:
    """Every user of the tenant."""
    tenant = signed_in_user(request).scope.tenant
    rows = await users.list_users(resources_of(request).read_pool, tenant)
    context = {"users": rows, "own_id": signed_in_user(request).user_id}
    return render(request, "admin_users.html", context)


async def new_user(request: Request) -> Response:
    """A form for another user."""
    values = dict.fromkeys(UserIn.model_fields, "") | {"role": "reader"}
    return _editor(request, Form(values))


async def create_user(request: Request) -> Response:
    """Let somebody sign in."""
    form = await read_form(request, UserIn)
    if not form.is_valid:
        return _editor(request, form, status=422)
    try:
        row, password = await add_user(request, form.data)
    except users.EmailTaken:
        form.fail("email", _TAKEN)
        return _editor(request, form, status=409)
    reader = reader_of(request)
    if password is None:
        return redirect(request, _PATH, said=reader.gettext(marked("The user is made")))
    context = {
        "section": "users",
        "title": row["email"],
        "lead": reader.gettext(marked("They can sign in with this password, shown this once.")),
        "label": reader.gettext("Password"),
        "secret": password,
        "example": "",
    }
    return render(request, "admin_secret.html", context, headers={"Cache-Control": "no-store"})


async def show_user(request: Request) -> Response:
    """One user, to edit."""
    row = await _found(request)
    values = {name: row.get(name) or "" for name in UserForm.model_fields}
    return _editor(request, Form(values), row)


async def edit_user(request: Request) -> Response:
    """Change a user; another role, service or password, and locking out, end access tokens."""
    row = await _found(request)
    is_self = row["user_id"] == signed_in_user(request).user_id
    form = await read_form(request, OwnForm if is_self else UserForm)
    if not form.is_valid:
        return _editor(request, form, row, status=422)
    changes = form.data.model_dump(exclude={"password"})
    try:
        await alter_user(request, changes, getattr(form.data, "password", None))
    except users.EmailTaken:
        form.fail("email", _TAKEN)
        return _editor(request, form, row, status=409)
    said = reader_of(request).gettext(marked("The user is saved"))
    return redirect(request, _PATH, said=said)


async def delete_user(request: Request) -> Response:
    """Remove a user."""
    await remove_user(request)
    said = reader_of(request).gettext(marked("The user is deleted"))
    return redirect(request, _PATH, said=said)


async def _found(request: Request) -> DictRow:
    tenant, number = signed_in_user(request).scope.tenant, number_of(request, "user")
    row = await users.find_user(resources_of(request).read_pool, tenant, number)
    if row is None:
        raise missing("user", number)
    return row


def _editor(
    request: Request,
    form: Form[Any],
    row: DictRow | None = None,
    *,
    status: int = 200,
) -> Response:
    context = {"form": form, "user": row, "own_id": signed_in_user(request).user_id}
    return render(request, "admin_user.html", context, status=status)


_ONE = f"{_PATH}/{{id:int}}"

PAGES = [
    Page("GET", _PATH, list_users, scope="keys:admin"),
    Page("POST", _PATH, create_user, scope="keys:admin"),
    Page("GET", f"{_PATH}/new", new_user, scope="keys:admin"),
    Page("GET", _ONE, show_user, scope="keys:admin"),
    Page("POST", _ONE, edit_user, scope="keys:admin"),
    Page("POST", f"{_ONE}/delete", delete_user, scope="keys:admin"),
]
