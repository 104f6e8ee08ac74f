"""Administration of tenants, for admins of the tenant default."""

from starlette.requests import Request
from starlette.responses import Response

from service.access import tenants
from service.http.authentication import caller_of, principal_of
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.tenants.models import TenantIn, TenantPatch
from service.web.confirmation import confirmed
from service.web.forms import Form, read_form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of

_PATH = "/admin/tenants"


async def list_tenants(request: Request) -> Response:
    """Every tenant, and a form for another."""
    return await _page(request, Form({"tenant": "", "description": ""}))


async def create_tenant(request: Request) -> Response:
    """Make a tenant."""
    form = await read_form(request, TenantIn)
    caller, making = caller_of(request), resources_of(request).tenants
    if not await form.carry_out(lambda body: making.create(caller, body.tenant, body.description)):
        return await _page(request, form, status=form.status)
    return _said(request, N_("The tenant is made; make its first key under API keys"))


async def describe_tenant(request: Request) -> Response:
    """Say what a tenant is."""
    form = await read_form(request, TenantPatch)
    if not form.is_valid:
        raise form.invalid()
    await _change(request, description=form.data.description or "")
    return _said(request, N_("The tenant is saved"))


async def switch_tenant(request: Request) -> Response:
    """Lock a tenant out, or let it in again."""
    wanted = (await request.form()).get("active") == "true"
    await _change(request, is_active=wanted)
    said = N_("The tenant is unlocked") if wanted else N_("The tenant is locked")
    return _said(request, said)


async def delete_tenant(request: Request) -> Response:
    """Remove a tenant without data."""
    name = request.path_params["tenant"]
    await resources_of(request).tenants.remove(caller_of(request), name)
    return _said(request, N_("The tenant is deleted"))


async def _change(
    request: Request, *, description: str | None = None, is_active: bool | None = None
) -> None:
    name, changes = (
        request.path_params["tenant"],
        {"description": description, "is_active": is_active},
    )
    await resources_of(request).tenants.change(caller_of(request), name, changes)


def _said(request: Request, text: str) -> Response:
    return redirect(request, _PATH, flash=reader_of(request).gettext(text))


async def _page(request: Request, form: Form[TenantIn], *, status: int = 200) -> Response:
    rows = await tenants.list_tenants(resources_of(request).read_pool, principal_of(request))
    context = {"form": form, "tenants": rows, "default": tenants.DEFAULT_TENANT}
    return render(request, "tenants/list.html", context, status=status)


_ONE = f"{_PATH}/{{tenant}}"

_delete = confirmed(N_("Delete this tenant, its keys and dashboards?"), N_("Delete"), delete_tenant)

PAGES = [
    Page("GET", _PATH, list_tenants, scope="keys:admin"),
    Page("POST", _PATH, create_tenant, scope="keys:admin", idempotent=_PATH),
    Page("POST", f"{_ONE}/describe", describe_tenant, scope="keys:admin"),
    Page("POST", f"{_ONE}/switch", switch_tenant, scope="keys:admin"),
    Page("POST", f"{_ONE}/delete", _delete, scope="keys:admin"),
]
