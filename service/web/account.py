"""What somebody signed in does with their own log-in."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.access import users
from service.access.audit import address_of
from service.access.login_routes import login_refusals
from service.access.sessions import WrongPassword
from service.access.tokens import ACCESS_LIFE
from service.access.user_models import PasswordChange
from service.errors import ApiError
from service.resources import resources_of
from service.web.cookies import ACCESS
from service.web.forms import Form, read_form
from service.web.languages import marked
from service.web.pages import SIGN_IN, Page
from service.web.rendering import redirect, render
from service.web.visits import reader_of, signed_in_user, visit_of

_PATH = "/account"


async def show_account(request: Request) -> Response:
    """Who they are, and a form for another password."""
    return await _page(request, Form({"current_password": "", "new_password": ""}))


async def change_password(request: Request) -> Response:
    """Set another password; every other log-in ends, as by the API."""
    form = await read_form(request, PasswordChange)
    if form.is_valid:
        given, sessions = form.data, resources_of(request).sessions
        current, new = (
            one.get_secret_value() for one in (given.current_password, given.new_password)
        )
        try:
            with login_refusals():
                token = await sessions.change_password(
                    signed_in_user(request), current, new, address_of(request)
                )
        except ApiError as error:
            if not isinstance(error.__cause__, WrongPassword):
                raise
            form.fail("current_password", marked("It is another one"))
        else:
            visit_of(request).cookies.set(ACCESS, token, ACCESS_LIFE)
            said = marked("Your password is changed; you are signed out everywhere else")
            return redirect(request, _PATH, said=reader_of(request).gettext(said))
    return await _page(request, form, status=422)


async def sign_out_everywhere(request: Request) -> Response:
    """End every log-in, this one too."""
    user = signed_in_user(request)
    await resources_of(request).sessions.logout_everywhere(user, address_of(request))
    visit_of(request).cookies.sign_out()
    said = reader_of(request).gettext(marked("You are signed out everywhere"))
    return redirect(request, SIGN_IN, said=said)


async def _page(request: Request, form: Form[Any], *, status: int = 200) -> Response:
    user = signed_in_user(request)
    row = await users.find_user(resources_of(request).read_pool, user.scope.tenant, user.user_id)
    return render(request, "account.html", {"form": form, "user": row}, status=status)


PAGES = [
    Page("GET", _PATH, show_account),
    Page("POST", f"{_PATH}/password", change_password),
    Page("POST", f"{_PATH}/sign-out", sign_out_everywhere),
]
