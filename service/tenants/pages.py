"""Administration of tenants, for admins of the tenant default."""

from starlette.requests import Request
from starlette.responses import Response

from service.access import tenants
from service.http.authentication import principal_of
from service.http.errors import ApiError
from service.keys.models import TenantIn, TenantPatch
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.tenants.api import add_tenant, alter_tenant, remove_tenant
from service.web.confirmation import confirmed
from service.web.forms import Form, read_form
from service.web.navigation import section
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of

_PATH = "/admin/tenants"
N_("The tenant default stays active")
N_("The tenant default stays")
N_("The tenant has data or users; set is_active to false to lock it out instead")


async def list_tenants(request: Request) -> Response:
    """Every tenant, and a form for another."""
    return await _page(request, Form({"tenant": "", "description": ""}))


async def create_tenant(request: Request) -> Response:
    """Make a tenant."""
    form = await read_form(request, TenantIn)
    if not form.is_valid:
        return await _page(request, form, status=422)
    try:
        await add_tenant(request, form.data)
    except ApiError as error:
        if not isinstance(error.__cause__, tenants.TenantTaken):
            raise
        form.fail("tenant", N_("There is one of that name already"))
        return await _page(request, form, status=409)
    return _said(request, N_("The tenant is made; make its first key under API keys"))


async def describe_tenant(request: Request) -> Response:
    """Say what a tenant is."""
    form = await read_form(request, TenantPatch)
    if not form.is_valid:
        raise ApiError(422, str(next(iter(form.errors.values()))))
    await alter_tenant(request, TenantPatch(description=form.data.description or ""))
    return _said(request, N_("The tenant is saved"))


async def switch_tenant(request: Request) -> Response:
    """Lock a tenant out, or let it in again."""
    wanted = (await request.form()).get("active") == "true"
    await alter_tenant(request, TenantPatch(is_active=wanted))
    said = N_("The tenant is let in again") if wanted else N_("The tenant is locked out")
    return _said(request, said)


async def delete_tenant(request: Request) -> Response:
    """Remove a tenant without data."""
    await remove_tenant(request)
    return _said(request, N_("The tenant is deleted"))


def _said(request: Request, text: str) -> Response:
    return redirect(request, _PATH, said=reader_of(request).gettext(text))


async def _page(request: Request, form: Form[TenantIn], *, status: int = 200) -> Response:
    if not section("tenants").is_open_to(principal_of(request)):
        raise ApiError(403, "You may not do or see this")
    rows = await tenants.list_tenants(resources_of(request).read_pool)
    context = {"form": form, "tenants": rows, "default": tenants.DEFAULT_TENANT}
    return render(request, "tenants/list.html", context, status=status)


_ONE = f"{_PATH}/{{tenant}}"

_delete = confirmed(N_("Delete this tenant, its keys and dashboards?"), N_("Delete"), delete_tenant)

PAGES = [
    Page("GET", _PATH, list_tenants, scope="keys:admin"),
    Page("POST", _PATH, create_tenant, scope="keys:admin", once=_PATH),
    Page("POST", f"{_ONE}/describe", describe_tenant, scope="keys:admin"),
    Page("POST", f"{_ONE}/switch", switch_tenant, scope="keys:admin"),
    Page("POST", f"{_ONE}/delete", _delete, scope="keys:admin"),
]
