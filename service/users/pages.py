"""The administration of users: who can sign in, and what they may do."""

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from alerts.fields import Text
from service.access import users
from service.access.caller import Role
from service.http.authentication import caller_of, principal_of
from service.http.paths import id_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.users.models import Email, Name, NewPassword, UserIn
from service.web.forms import Form, Model, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of, session_of
from sql.errors import Conflict
from sql.messages import Message

_LIST = "/admin/users"


class UserForm(BaseModel):
    """A user as edited."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""
    role: Role
    service_name: Text | None = None
    active: bool = False


class OwnForm(BaseModel):
    """Fields that admins change of themselves; the rest could lock them out."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""


class PasswordForm(BaseModel):
    """A password that an admin sets for a user."""

    model_config = ConfigDict(extra="forbid")

    password: NewPassword


async def list_users(request: Request) -> Response:
    """Everybody of the tenant."""
    tenant = principal_of(request).scope.tenant
    rows = await users.list_users(resources_of(request).read_pool, tenant)
    return render(request, "users/list.html", {"users": rows, "own": _own(request)})


async def new_user(request: Request) -> Response:
    """An empty form."""
    form: Form[UserIn] = Form(dict.fromkeys(UserIn.model_fields, "") | {"role": "reader"})
    return render(request, "users/new.html", {"form": form})


async def create_user(request: Request) -> Response:
    """Create a user who can sign in; a password that was generated is shown this once."""
    form, caller = await read_form(request, UserIn), caller_of(request)
    making = resources_of(request).users
    new = await form.carry_out(lambda body: making.create(caller, body.spec()))
    if new is None:
        return render(
            request, "users/new.html", {"form": form}, status=form.status, headers=form.headers
        )
    if new.generated_password is None:
        return _said(request, N_("The user can sign in now"), _LIST)
    context = {"user": new.row, "password": new.generated_password}
    headers = {"Cache-Control": "no-store"}
    return render(request, "users/made.html", context, status=201, headers=headers)


async def show_user(request: Request) -> Response:
    """One user, to edit."""
    row = await _found(request)
    return _editor(request, row, form=_form_of(row))


async def update_user(request: Request) -> Response:
    """Change a user."""
    row = await _found(request)
    is_own = row["user_id"] == _own(request)
    form = await read_form(request, OwnForm if is_own else UserForm)
    caller, changing = caller_of(request), resources_of(request).users
    if await form.carry_out(
        lambda body: changing.change(caller, row["user_id"], body.model_dump())
    ):
        return _said(request, N_("The user is saved"), _LIST)
    form.values = _form_of(row).values | form.values
    return _editor(request, row, form=form)


async def set_password(request: Request) -> Response:
    """Set another password for a user; their log-ins end."""
    row = await _other(request)
    form = await read_form(request, PasswordForm)
    caller, changing = caller_of(request), resources_of(request).users

    async def change(body: PasswordForm) -> DictRow:
        password = body.password.get_secret_value()
        return await changing.change(caller, row["user_id"], {}, password)

    if await form.carry_out(change):
        said = N_("The password is set, and the user signed out everywhere")
        return _said(request, said, f"{_LIST}/{row['user_id']}")
    return _editor(request, row, form=_form_of(row), password_form=form)


async def confirm_deletion(request: Request) -> Response:
    """Ask before a user is removed."""
    return render(request, "users/delete.html", {"user": await _other(request)})


async def delete_user(request: Request) -> Response:
    """Remove a user."""
    row = await _other(request)
    await resources_of(request).users.delete(caller_of(request), row["user_id"])
    return _said(request, N_("The user is deleted"), _LIST)


def _own(request: Request) -> int:
    principal = session_of(request).principal
    assert principal is not None
    return principal.user_id


async def _found(request: Request) -> DictRow:
    number, tenant = id_of(request, "user"), principal_of(request).scope.tenant
    return await users.find_user(resources_of(request).pool, tenant, number)


async def _other(request: Request) -> DictRow:
    """Not oneself, who would be signed out and perhaps the last admin."""
    row = await _found(request)
    if row["user_id"] == _own(request):
        raise Conflict(Message("Another admin has to do this for you"))
    return row


def _form_of(row: DictRow) -> Form[UserForm]:
    return Form({name: "" if row[name] is None else row[name] for name in UserForm.model_fields})


def _said(request: Request, words: str, path: str) -> Response:
    return redirect(request, path, flash=reader_of(request).gettext(words))


def _editor(
    request: Request,
    row: DictRow,
    *,
    form: Form[Model],
    password_form: Form[PasswordForm] | None = None,
) -> Response:
    wrong = next((one for one in (form, password_form) if one and one.errors), None)
    context = {
        "user": row,
        "form": form,
        "password_form": password_form or Form({"password": ""}),
        "is_own": row["user_id"] == _own(request),
    }
    status, headers = (wrong.status, wrong.headers) if wrong else (200, None)
    return render(request, "users/user.html", context, status=status, headers=headers)


_ONE = _LIST + "/{id:int}"

PAGES = [
    Page("GET", _LIST, list_users, scope="keys:admin"),
    Page("POST", _LIST, create_user, scope="keys:admin", idempotent=_LIST),
    Page("GET", f"{_LIST}/new", new_user, scope="keys:admin"),
    Page("GET", _ONE, show_user, scope="keys:admin"),
    Page("POST", _ONE, update_user, scope="keys:admin"),
    Page("POST", f"{_ONE}/password", set_password, scope="keys:admin"),
    Page("GET", f"{_ONE}/delete", confirm_deletion, scope="keys:admin"),
    Page("POST", f"{_ONE}/delete", delete_user, scope="keys:admin"),
]
