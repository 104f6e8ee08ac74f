"""Signing in and out."""

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.access.throttle import network_of
from service.access.users import any_user
from service.http.authentication import address_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.sign_in.models import GivenPassword
from service.users.models import Email
from service.web.cookies import REFRESH
from service.web.forms import Form, read_form
from service.web.page import SIGN_IN, Page, safe_next
from service.web.rendering import redirect, render
from service.web.session import session_of

_WRONG = N_("Email or password is wrong")


class SignIn(BaseModel):
    """Email and password, and the page to go on to."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: GivenPassword
    next: str = "/"


async def show_sign_in(request: Request) -> Response:
    """The form; who is signed in already goes on."""
    wanted = safe_next(request.query_params.get("next", "/"))
    if session_of(request).principal:
        return redirect(request, wanted)
    form: Form[SignIn] = Form({"email": "", "password": "", "next": wanted})
    is_first = not await any_user(resources_of(request).read_pool)
    return _form(request, form, is_first=is_first)


async def sign_in(request: Request) -> Response:
    """Check email and password, as throttled as the API's log-in."""
    form, network = await read_form(request, SignIn), network_of(address_of(request))
    if not form.is_valid:
        form.errors = {"": _WRONG}
    sessions = resources_of(request).sessions
    pair = await form.carry_out(
        lambda body: sessions.login(body.email, body.password.get_secret_value(), network)
    )
    if pair is None:
        return _form(request, form)
    session_of(request).cookies.sign_in(pair)
    return redirect(request, safe_next(form.data.next))


async def sign_out(request: Request) -> Response:
    """End the log-in, in every tab."""
    cookies = session_of(request).cookies
    if refresh_token := cookies.get(REFRESH):
        await resources_of(request).sessions.logout(refresh_token)
    cookies.sign_out()
    return redirect(request, SIGN_IN)


def _form(request: Request, form: Form[SignIn], *, is_first: bool = False) -> Response:
    """The sign-in page; `is_first` while there is no user yet."""
    status, headers = (form.status, form.headers) if form.errors else (200, None)
    context = {"form": form, "is_first": is_first}
    return render(request, "sign_in/sign_in.html", context, status=status, headers=headers)


PAGES = [
    Page("GET", SIGN_IN, show_sign_in, open=True),
    Page("POST", SIGN_IN, sign_in, open=True),
    Page("POST", "/sign-out", sign_out, open=True),
]
