"""One's own account: who one is, another password, signing out everywhere."""

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.access.tokens import ACCESS_LIFE, UserPrincipal
from service.access.users import find_user
from service.alerts.undelivered import undelivered
from service.http.authentication import caller_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.sign_in.models import PasswordChange
from service.web.cookies import ACCESS
from service.web.forms import Form, read_form
from service.web.page import SIGN_IN, Page
from service.web.rendering import redirect, render
from service.web.session import reader_of, session_of
from sql.errors import NotFound
from sql.messages import Message


async def show_account(request: Request) -> Response:
    """The page of the signed-in user's own account."""
    return await _page(request, _empty())


async def change_password(request: Request) -> Response:
    """Set another password; every other log-in ends, and this one goes on."""
    form, caller = await read_form(request, PasswordChange), caller_of(request)
    sessions = resources_of(request).sessions
    token = await form.carry_out(
        lambda body: sessions.change_password(
            caller,
            body.current_password.get_secret_value(),
            body.new_password.get_secret_value(),
        )
    )
    if token is None:
        return await _page(request, form)
    session_of(request).cookies.set(ACCESS, token, ACCESS_LIFE)
    said = N_("The password is changed. Wherever else you were signed in, you no longer are.")
    return redirect(request, "/account", flash=reader_of(request).gettext(said))


async def sign_out_everywhere(request: Request) -> Response:
    """End every log-in, this one too."""
    await resources_of(request).sessions.logout_everywhere(caller_of(request))
    session_of(request).cookies.sign_out()
    return redirect(request, SIGN_IN)


def _own(request: Request) -> UserPrincipal:
    principal = session_of(request).principal
    assert principal is not None
    return principal


def _empty() -> Form[PasswordChange]:
    return Form(dict.fromkeys(PasswordChange.model_fields, ""))


async def _page(request: Request, form: Form[PasswordChange]) -> Response:
    status, headers = (form.status, form.headers) if form.errors else (200, None)
    dead = await undelivered(request) if _own(request).role == "admin" else None
    context = {"form": form, "user": await _found(request), "undelivered": dead}
    return render(request, "sign_in/account.html", context, status=status, headers=headers)


async def _found(request: Request) -> DictRow:
    own = _own(request)
    try:
        return await find_user(resources_of(request).read_pool, own.scope.tenant, own.user_id)
    except NotFound as error:
        # Deleted on another replica a moment ago.
        raise NotFound(Message("This account is gone")) from error


PAGES = [
    Page("GET", "/account", show_account),
    Page("POST", "/account/password", change_password),
    Page("POST", "/account/sign-out", sign_out_everywhere),
]
