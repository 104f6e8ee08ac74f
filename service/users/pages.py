"""The administration of users: who can sign in, and what they may do."""

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from alerts.fields import Text
from service.access import users
from service.access.caller import Role
from service.access.passwords import HashingBusy
from service.http.authentication import principal_of
from service.http.errors import ApiError
from service.http.paths import id_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.sign_in.pages import BUSY
from service.users.api import edit_user, make_user, remove_user
from service.users.models import Email, Name, NewPassword, UserIn, UserPatch
from service.web.forms import Form, Model, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of, visit_of
from sql.errors import missing

_LIST = "/admin/users"
_TAKEN = N_("There is another user with this email")


class UserForm(BaseModel):
    """A user as edited."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""
    role: Role
    service_name: Text | None = None
    active: bool = False


class OwnForm(BaseModel):
    """What admins change of themselves; the rest could lock them out."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""


class PasswordForm(BaseModel):
    """A password somebody is given."""

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
    """Let somebody sign in; a password that was generated is shown this once."""
    form = await read_form(request, UserIn)
    made, status = None, 422
    if form.is_valid:
        try:
            made = await make_user(request, form.data)
        except users.EmailTaken:
            form.fail("email", _TAKEN)
        except HashingBusy:
            form.fail("", BUSY)
            status = 503
    if made is None:
        return render(request, "users/new.html", {"form": form}, status=status)
    row, generated = made
    if generated is None:
        return _said(request, N_("The user can sign in now"), _LIST)
    context = {"user": row, "password": generated}
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
    if form.is_valid:
        try:
            await edit_user(request, row["user_id"], UserPatch(**form.data.model_dump()))
        except users.EmailTaken:
            form.fail("email", _TAKEN)
        else:
            return _said(request, N_("The user is saved"), _LIST)
    form.values = _form_of(row).values | form.values
    return _editor(request, row, form=form, status=422)


async def set_password(request: Request) -> Response:
    """Give somebody another password; their log-ins end."""
    row = await _other(request)
    form, status = await read_form(request, PasswordForm), 422
    if form.is_valid:
        try:
            await edit_user(request, row["user_id"], UserPatch(password=form.data.password))
        except HashingBusy:
            form.fail("", BUSY)
            status = 503
        else:
            said = N_("The password is set, and the user signed out everywhere")
            return _said(request, said, f"{_LIST}/{row['user_id']}")
    return _editor(request, row, form=_form_of(row), password_form=form, status=status)


async def confirm_deletion(request: Request) -> Response:
    """Ask before a user is removed."""
    return render(request, "users/delete.html", {"user": await _other(request)})


async def delete_user(request: Request) -> Response:
    """Remove a user."""
    row = await _other(request)
    await remove_user(request, row["user_id"])
    return _said(request, N_("The user is deleted"), _LIST)


def _own(request: Request) -> int:
    principal = visit_of(request).principal
    assert principal is not None
    return principal.user_id


async def _found(request: Request) -> DictRow:
    number, tenant = id_of(request, "user"), principal_of(request).scope.tenant
    row = await users.find_user(resources_of(request).pool, tenant, number)
    if row is None:
        raise missing("user", number)
    return row


async def _other(request: Request) -> DictRow:
    """Not oneself, who would be signed out and perhaps the last admin."""
    row = await _found(request)
    if row["user_id"] == _own(request):
        raise ApiError(409, N_("Another admin has to do this for you"))
    return row


def _form_of(row: DictRow) -> Form[UserForm]:
    return Form({name: "" if row[name] is None else row[name] for name in UserForm.model_fields})


def _said(request: Request, words: str, path: str) -> Response:
    return redirect(request, path, said=reader_of(request).gettext(words))


def _editor(
    request: Request,
    row: DictRow,
    *,
    form: Form[Model],
    password_form: Form[PasswordForm] | None = None,
    status: int = 200,
) -> Response:
    context = {
        "user": row,
        "form": form,
        "password_form": password_form or Form({"password": ""}),
        "is_own": row["user_id"] == _own(request),
    }
    return render(request, "users/user.html", context, status=status)


_ONE = _LIST + "/{id:int}"

PAGES = [
    Page("GET", _LIST, list_users, scope="keys:admin"),
    Page("POST", _LIST, create_user, scope="keys:admin", once=_LIST),
    Page("GET", f"{_LIST}/new", new_user, scope="keys:admin"),
    Page("GET", _ONE, show_user, scope="keys:admin"),
    Page("POST", _ONE, update_user, scope="keys:admin"),
    Page("POST", f"{_ONE}/password", set_password, scope="keys:admin"),
    Page("GET", f"{_ONE}/delete", confirm_deletion, scope="keys:admin"),
    Page("POST", f"{_ONE}/delete", delete_user, scope="keys:admin"),
]
