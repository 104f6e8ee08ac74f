"""The first user: whoever has the link that ``make run`` printed makes themselves admin."""

import hmac
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.access.throttle import network_of
from service.access.users import any_user, somebody_exists
from service.http.authentication import address_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.sign_in.first_user import token_file
from service.users.models import Email, Name, NewPassword
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of, session_of
from service.web.site import site_of
from sql.errors import Forbidden
from sql.messages import Message


class Welcome(BaseModel):
    """The first admin."""

    model_config = ConfigDict(extra="forbid")

    token: str
    email: Email
    name: Name = ""
    password: NewPassword


async def show_welcome(request: Request) -> Response:
    """The form."""
    token = request.query_params.get("token", "")
    await _check(request, token)
    return _form(request, Form({"token": token, "email": "", "name": "", "password": ""}))


async def create_first_user(request: Request) -> Response:
    """Make the first admin, and sign them in."""
    form, now = await read_form(request, Welcome), datetime.now(UTC)
    await _check(request, str(form.values["token"]))
    making, address = resources_of(request).users, address_of(request)
    row = await form.carry_out(
        lambda body: making.create_first(
            body.email, body.name, body.password.get_secret_value(), now, address
        )
    )
    if row is None:
        return _form(request, form)
    _file(request).unlink(missing_ok=True)
    await _sign_in(request, form.data)
    said = reader_of(request).gettext(N_("Welcome! You are signed in as admin."))
    return redirect(request, "/", flash=said)


async def _sign_in(request: Request, first: Welcome) -> None:
    pair = await resources_of(request).sessions.login(
        first.email, first.password.get_secret_value(), network_of(address_of(request))
    )
    session_of(request).cookies.sign_in(pair)


async def _check(request: Request, token: str) -> None:
    """Every worker looks into the same file, which goes with its use."""
    try:
        stored = _file(request).read_text(encoding="utf-8").strip()
    except OSError:
        raise somebody_exists() from None
    if not hmac.compare_digest(token.encode(), stored.encode()):
        raise Forbidden(Message("This link is not the one that was printed"))
    if await any_user(resources_of(request).pool):
        raise somebody_exists()


def _file(request: Request) -> Path:
    return token_file(site_of(request).settings)


def _form(request: Request, form: Form[Welcome]) -> Response:
    status, headers = (form.status, form.headers) if form.errors else (200, None)
    return render(request, "sign_in/welcome.html", {"form": form}, status=status, headers=headers)


PAGES = [
    Page("GET", "/welcome", show_welcome, open=True),
    Page("POST", "/welcome", create_first_user, open=True),
]
