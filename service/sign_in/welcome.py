"""The first user: whoever has the link that ``make run`` printed makes themselves admin."""

import hmac
from pathlib import Path

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.access.throttle import network_of
from service.access.users import NotTheFirst, any_user, create_first_admin
from service.http.authentication import address_of
from service.http.errors import ApiError
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.runtime.secrets import stored_secret
from service.runtime.settings import Settings
from service.users.models import Email, Name, NewPassword
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of, visit_of
from service.web.site import site_of

FILE = "welcome_token"
_OVER = N_("This link was used already, or somebody can sign in already")


class Welcome(BaseModel):
    """The first admin."""

    model_config = ConfigDict(extra="forbid")

    token: str
    email: Email
    name: Name = ""
    password: NewPassword


def welcome_link(settings: Settings) -> str:
    """The address at which the first user is made; its token is kept in the data folder.

    Raises:
        OSError: nothing can be kept there.
    """
    token, _ = stored_secret(settings.data_dir, FILE)
    return f"{settings.links}/welcome?token={token}"


async def show_welcome(request: Request) -> Response:
    """The form."""
    token = request.query_params.get("token", "")
    await _check(request, token)
    return _form(request, Form({"token": token, "email": "", "name": "", "password": ""}))


async def create_first_user(request: Request) -> Response:
    """Make the first admin, and sign them in."""
    form = await read_form(request, Welcome)
    await _check(request, str(form.values["token"]))
    if not form.is_valid:
        return _form(request, form, 422)
    try:
        row = await _create(request, form.data)
    except NotTheFirst as error:
        raise ApiError(403, _OVER) from error
    _file(request).unlink(missing_ok=True)
    network = network_of(request.client.host if request.client else None)
    password = form.data.password.get_secret_value()
    pair = await resources_of(request).sessions.login(row["email"], password, network)
    visit_of(request).cookies.sign_in(pair)
    said = reader_of(request).gettext("Welcome! You are signed in as admin.")
    return redirect(request, "/", said=said)


async def _create(request: Request, wanted: Welcome) -> DictRow:
    resources = resources_of(request)
    hashed = await resources.sessions.passwords.hash(wanted.password.get_secret_value())
    values = {"email": wanted.email, "name": wanted.name, "password_hash": hashed}
    return await create_first_admin(resources.pool, values, address_of(request))


async def _check(request: Request, token: str) -> None:
    """Every worker looks into the same file, which goes with its use."""
    try:
        stored = _file(request).read_text(encoding="utf-8").strip()
    except OSError:
        raise ApiError(403, _OVER) from None
    if not hmac.compare_digest(token.encode(), stored.encode()):
        raise ApiError(403, N_("This link is not the one that was printed"))
    if await any_user(resources_of(request).pool):
        raise ApiError(403, _OVER)


def _file(request: Request) -> Path:
    return site_of(request).settings.data_dir / FILE


def _form(request: Request, form: Form[Welcome], status: int = 200) -> Response:
    return render(request, "sign_in/welcome.html", {"form": form}, status=status)


PAGES = [
    Page("GET", "/welcome", show_welcome, open=True),
    Page("POST", "/welcome", create_first_user, open=True),
]
