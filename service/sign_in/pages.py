"""Signing in and out."""

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.access.passwords import HashingBusy
from service.access.sessions import LoginRefused
from service.access.throttle import TooManyAttempts, network_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.users.models import Email, GivenPassword
from service.web.cookies import REFRESH
from service.web.forms import Form, read_form
from service.web.page import SIGN_IN, Page, safe_next
from service.web.rendering import redirect, render
from service.web.session import reader_of, visit_of

_WRONG = N_("Email or password is wrong")
BUSY = N_("Too many people sign in at once; try again")


class SignIn(BaseModel):
    """Who wants in, and where to."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: GivenPassword
    next: str = "/"


async def show_sign_in(request: Request) -> Response:
    """The form; who is signed in already goes on."""
    wanted = safe_next(request.query_params.get("next", "/"))
    if visit_of(request).principal:
        return redirect(request, wanted)
    return _form(request, Form({"email": "", "password": "", "next": wanted}))


async def sign_in(request: Request) -> Response:
    """Check email and password, as throttled as the API's log-in."""
    form = await read_form(request, SignIn)
    if not form.is_valid:
        form.errors = {"": _WRONG}
        return _form(request, form, 422)
    network = network_of(request.client.host if request.client else None)
    email, password = form.data.email, form.data.password.get_secret_value()
    try:
        pair = await resources_of(request).sessions.login(email, password, network)
    except LoginRefused:
        form.fail("", _WRONG)
        return _form(request, form, 401)
    except TooManyAttempts as error:
        form.fail("", wait(request, error.retry_after))
        return _form(request, form, 429, {"Retry-After": str(error.retry_after)})
    except HashingBusy:
        form.fail("", BUSY)
        return _form(request, form, 503, {"Retry-After": "2"})
    visit_of(request).cookies.sign_in(pair)
    return redirect(request, safe_next(form.data.next))


async def sign_out(request: Request) -> Response:
    """End the log-in, in every tab."""
    cookies = visit_of(request).cookies
    if refresh_token := cookies.get(REFRESH):
        await resources_of(request).sessions.logout(refresh_token)
    cookies.sign_out()
    return redirect(request, SIGN_IN)


def wait(request: Request, seconds: int) -> str:
    """When there is room for another attempt, in words."""
    reader = reader_of(request)
    text = reader.gettext("Too many attempts. Try again in %(time)s.")
    return text % {"time": reader.duration(seconds)}


def _form(
    request: Request,
    form: Form[SignIn],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    return render(request, "sign_in/sign_in.html", {"form": form}, status=status, headers=headers)


PAGES = [
    Page("GET", SIGN_IN, show_sign_in, open=True),
    Page("POST", SIGN_IN, sign_in, open=True),
    Page("POST", "/sign-out", sign_out, open=True),
]
