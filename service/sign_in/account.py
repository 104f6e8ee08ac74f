"""One's own account: who one is, another password, signing out everywhere."""

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response

from service.access.passwords import HashingBusy
from service.access.sessions import WrongPassword
from service.access.throttle import TooManyAttempts
from service.access.tokens import ACCESS_LIFE, UserPrincipal
from service.access.users import find_user
from service.documentation.pages import page_response
from service.http.authentication import address_of
from service.http.errors import ApiError
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.sign_in.pages import BUSY, wait
from service.users.models import PasswordChange
from service.web.cookies import ACCESS
from service.web.forms import Form, read_form
from service.web.page import SIGN_IN, Page
from service.web.rendering import redirect, render
from service.web.session import reader_of, visit_of
from service.web.site import site_of


async def show_account(request: Request) -> Response:
    """Who is signed in, and what they can do about it."""
    return await _page(request, _empty())


async def show_documentation(request: Request) -> Response:
    """The API's documentation, which at /docs needs a key."""
    return page_response(site_of(request).documentation)


async def change_password(request: Request) -> Response:
    """Set another password; every other log-in ends, and this one goes on."""
    form = await read_form(request, PasswordChange)
    if not form.is_valid:
        return await _page(request, form, 422)
    current = form.data.current_password.get_secret_value()
    new = form.data.new_password.get_secret_value()
    try:
        token = await resources_of(request).sessions.change_password(
            _own(request), current, new, address_of(request)
        )
    except WrongPassword:
        form.fail("current_password", N_("It is another one"))
        return await _page(request, form, 422)
    except TooManyAttempts as error:
        form.fail("", wait(request, error.retry_after))
        return await _page(request, form, 429, {"Retry-After": str(error.retry_after)})
    except HashingBusy:
        form.fail("", BUSY)
        return await _page(request, form, 503, {"Retry-After": "2"})
    visit_of(request).cookies.set(ACCESS, token, ACCESS_LIFE)
    said = N_("The password is changed. Wherever else you were signed in, you no longer are.")
    return redirect(request, "/account", said=reader_of(request).gettext(said))


async def sign_out_everywhere(request: Request) -> Response:
    """End every log-in, this one too."""
    await resources_of(request).sessions.logout_everywhere(_own(request), address_of(request))
    visit_of(request).cookies.sign_out()
    return redirect(request, SIGN_IN)


def _own(request: Request) -> UserPrincipal:
    principal = visit_of(request).principal
    assert principal is not None
    return principal


def _empty() -> Form[PasswordChange]:
    return Form(dict.fromkeys(PasswordChange.model_fields, ""))


async def _page(
    request: Request,
    form: Form[PasswordChange],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    context = {"form": form, "user": await _found(request)}
    return render(request, "sign_in/account.html", context, status=status, headers=headers)


async def _found(request: Request) -> DictRow:
    own = _own(request)
    row = await find_user(resources_of(request).read_pool, own.scope.tenant, own.user_id)
    if row is None:
        # Deleted on another replica a moment ago.
        raise ApiError(404, N_("This account is gone"))
    return row


PAGES = [
    Page("GET", "/documentation", show_documentation),
    Page("GET", "/account", show_account),
    Page("POST", "/account/password", change_password),
    Page("POST", "/account/sign-out", sign_out_everywhere),
]
