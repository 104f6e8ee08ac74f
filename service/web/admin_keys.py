"""Administration of API keys."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, get_args

from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from alerts.rules import Text
from service.access import keys
from service.access.key_routes import add_key, end_key, renew_key
from service.access.models import KeyIn, TenantName
from service.access.tenants import DEFAULT_TENANT
from service.errors import ApiError, Detail
from service.resources import resources_of
from service.scope import AccessScope, Role
from service.web.forms import Form, read_form
from service.web.languages import marked
from service.web.pages import Page
from service.web.rendering import redirect, render
from service.web.visits import reader_of, signed_in_user

_PATH = "/admin/keys"
_DAYS = {
    "": marked("never"),
    30: marked("30 days"),
    90: marked("90 days"),
    365: marked("1 year"),
}
_TRY = """curl -H 'X-API-Key: {key}' '{url}/api/metrics/catalog'"""
_TRY_POST = """curl -X POST '{url}/api/metrics' -H 'X-API-Key: {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"metric_name": "my_first_metric", "metric_type": "performance", "value": 1,
       "frequency": "real_time"}}'"""


class KeyForm(BaseModel):
    """A key to be made; `days` is how long it lasts."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    role: Role
    service_name: Text | None = None
    scopes: list[AccessScope] = []
    days: Annotated[int, Field(ge=1, le=3660)] | None = None
    tenant: TenantName | None = None


async def list_keys(request: Request) -> Response:
    """Those that hold, then those that do no more."""
    tenant = signed_in_user(request).scope.tenant
    rows = await keys.list_keys(resources_of(request).read_pool, tenant)
    now = datetime.now(UTC)
    past = [row for row in rows if row["revoked_at"] or (row["expires_at"] or now) < now]
    current = [row for row in rows if row not in past]
    return render(request, "admin_keys.html", {"current": current, "past": past})


async def new_key(request: Request) -> Response:
    """A form for another key."""
    values = dict.fromkeys(KeyForm.model_fields, "") | {"role": "writer", "scopes": []}
    return _editor(request, Form(values))


async def create_key(request: Request) -> Response:
    """Make a key and show it this once."""
    form = await read_form(request, KeyForm)
    if form.is_valid:
        wanted: Form[KeyIn] = Form(form.values)
        wanted.check(KeyIn, _as_asked(form.data))
        if wanted.is_valid:
            try:
                return _shown_once(request, *await add_key(request, wanted.data))
            except ApiError as error:
                wanted.fail_all(error.details or [Detail(field="tenant", message=error.message)])
        form.errors |= wanted.errors
    return _editor(request, form, status=422)


async def rotate_key(request: Request) -> Response:
    """Another secret for a key, shown this once."""
    return _shown_once(request, *await renew_key(request))


async def revoke_key(request: Request) -> Response:
    """Refuse a key from now on."""
    await end_key(request)
    said = reader_of(request).gettext(marked("The key is revoked"))
    return redirect(request, _PATH, said=said)


def _as_asked(given: KeyForm) -> dict[str, Any]:
    """What the API would be sent."""
    end = datetime.now(UTC) + timedelta(days=given.days) if given.days else None
    values = given.model_dump(exclude={"days"})
    return values | {"scopes": given.scopes or None, "expires_at": end and end.isoformat()}


def _shown_once(request: Request, row: DictRow, key: str) -> Response:
    reader = reader_of(request)
    posts = row["role"] == "writer" and (not row["scopes"] or "metrics:write" in row["scopes"])
    url = resources_of(request).settings.links
    context = {
        "section": "keys",
        "title": row["name"],
        "lead": reader.gettext(
            marked("This is the key, shown this once. Keep it where secrets are kept.")
        ),
        "label": reader.gettext(marked("Key")),
        "secret": key,
        "example": (_TRY_POST if posts else _TRY).format(key=key, url=url),
    }
    return render(request, "admin_secret.html", context, headers={"Cache-Control": "no-store"})


def _editor(request: Request, form: Form[KeyForm], *, status: int = 200) -> Response:
    context = {
        "form": form,
        "days": _DAYS,
        "scopes": get_args(AccessScope),
        "may_choose_tenant": signed_in_user(request).scope.tenant == DEFAULT_TENANT,
    }
    return render(request, "admin_key_new.html", context, status=status)


PAGES = [
    Page("GET", _PATH, list_keys, scope="keys:admin"),
    Page("POST", _PATH, create_key, scope="keys:admin"),
    Page("GET", f"{_PATH}/new", new_key, scope="keys:admin"),
    Page("POST", f"{_PATH}/{{id:int}}/rotate", rotate_key, scope="keys:admin"),
    Page("POST", f"{_PATH}/{{id:int}}/revoke", revoke_key, scope="keys:admin"),
]
