"""The administration of API keys: issuing, rotating, revoking."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from service.access import keys
from service.access.caller import AccessScope, Role, scopes_of
from service.access.tenants import DEFAULT_TENANT
from service.http.authentication import caller_of, principal_of
from service.http.paths import id_of
from service.keys.models import KeyIn, key_out
from service.language.translations import N_
from service.runtime.resources import resources_of
from service.web.choices import options
from service.web.forms import Form
from service.web.page import Page
from service.web.rendering import redirect, render
from service.web.session import reader_of
from service.web.site import site_of

_LIST = "/admin/keys"
_MOST_ENDED = 50
_NO_STORE = {"Cache-Control": "no-store"}
_SOON = timedelta(days=14)
# How long a key lives, in days; the empty one for ever.
LIVES = {
    "7": N_("7 days"),
    "30": N_("30 days"),
    "90": N_("90 days"),
    "365": N_("a year"),
    "": N_("until it is revoked"),
}
SCOPES: dict[AccessScope, str] = {
    "metrics:read": N_("Read metrics"),
    "metrics:write": N_("Send metrics"),
    "metrics:correct": N_("Correct metrics"),
    "services:write": N_("Report the health of services"),
    "annotations:write": N_("Annotate charts"),
    "alerts:read": N_("See alerts"),
    "alerts:write": N_("Change alerts"),
    "catalog:write": N_("Edit the catalogue of metrics"),
    "keys:admin": N_("Manage keys and users"),
}
ROLES: dict[Role, str] = {
    "writer": N_("Writer: a program that sends metrics"),
    "reader": N_("Reader: looks, and changes nothing"),
    "operator": N_("Operator: looks, and cares for alerts and the catalogue"),
    "admin": N_("Admin: everything"),
}
STATES = {
    "good": (N_("In use"), "good"),
    "soon": (N_("Expires soon"), "fair"),
    "expired": (N_("Expired"), ""),
    "revoked": (N_("Revoked"), ""),
}
# The first request to try with a key, by scope; the first that the key has.
_SAMPLE = (
    '{"metric_name": "hello", "metric_type": "performance", "value": 1, "frequency": "real_time"}'
)
_HEALTH = '{"service_name": "hello", "status": "healthy"}'
_TRIALS: dict[AccessScope, tuple[str, str]] = {
    "metrics:write": ("/api/metrics", _SAMPLE),
    "metrics:read": ("/api/metrics/catalog", ""),
    "alerts:read": ("/api/alerts/rules", ""),
    "services:write": ("/api/services/health", _HEALTH),
    "keys:admin": ("/api/keys", ""),
}


async def list_keys(request: Request) -> Response:
    """Those in use, then those that ended."""
    now, tenant = datetime.now(UTC), principal_of(request).scope.tenant
    rows = await keys.list_keys(resources_of(request).read_pool, tenant)
    shown = [_shown(row, now) for row in rows]
    context = {
        "current": [one for one in shown if one["state"] in ("good", "soon")],
        "ended": [one for one in shown if one["state"] not in ("good", "soon")][:_MOST_ENDED],
        "states": STATES,
        "scopes": SCOPES,
    }
    return render(request, "keys/list.html", context)


async def new_key(request: Request) -> Response:
    """An empty form."""
    empty = dict.fromkeys(("name", "service_name", "tenant"), "")
    return _form(request, Form(empty | {"role": "writer", "scopes": [], "life": "90"}))


async def create_key(request: Request) -> Response:
    """Issue a key, which is shown this once."""
    caller, issuing = caller_of(request), resources_of(request).keys
    form = _filled(await request.form(), caller.now)
    issued = await form.carry_out(lambda body: issuing.issue(caller, body.spec()))
    if issued is None:
        return _form(request, form, status=form.status)
    return _made(request, *issued, 201)


async def confirm_rotation(request: Request) -> Response:
    """Ask before a key gets another secret."""
    return render(request, "keys/rotate.html", {"key": await _found(request)})


async def rotate_key(request: Request) -> Response:
    """Give a key another secret, which is shown this once."""
    number = id_of(request, "key")
    row, key = await resources_of(request).keys.rotate(caller_of(request), number)
    return _made(request, row, key, 200)


async def confirm_revocation(request: Request) -> Response:
    """Ask before a key is refused for good."""
    return render(request, "keys/revoke.html", {"key": await _found(request)})


async def revoke_key(request: Request) -> Response:
    """Refuse a key from now on."""
    number = id_of(request, "key")
    await resources_of(request).keys.revoke(caller_of(request), number)
    said = reader_of(request).gettext(N_("The key is refused from now on"))
    return redirect(request, _LIST, flash=said)


async def _found(request: Request) -> dict[str, Any]:
    number, tenant = id_of(request, "key"), principal_of(request).scope.tenant
    row = await keys.find_key(resources_of(request).pool, tenant, number)
    return _shown(row, datetime.now(UTC))


def _shown(row: DictRow, now: datetime) -> dict[str, Any]:
    """A key as it is listed; `is_whole` where it may do all that its role may."""
    may = key_out(row)["scopes"]
    is_whole = set(may) == scopes_of(row["role"], row["service_name"])
    return {**row, "may": may, "is_whole": is_whole, "state": _state(row, now)}


def _state(row: Mapping[str, Any], now: datetime) -> str:
    if row["revoked_at"]:
        return "revoked"
    if row["expires_at"] is None or row["expires_at"] > now + _SOON:
        return "good"
    return "soon" if row["expires_at"] > now else "expired"


def _filled(given: FormData, now: datetime) -> Form[KeyIn]:
    names = ("name", "role", "service_name", "life", "tenant")
    values: dict[str, Any] = {name: str(given.get(name, "")).strip() for name in names}
    values["scopes"] = [str(scope) for scope in given.getlist("scopes")]
    form: Form[KeyIn] = Form(values)
    meant = {name: values[name] for name in ("name", "role") if values[name]}
    meant |= {name: values[name] or None for name in ("service_name", "scopes", "tenant")}
    if values["life"] not in LIVES:
        form.fail("life", N_("Choose one of these"))
    elif values["life"]:
        meant["expires_at"] = (now + timedelta(days=int(values["life"]))).isoformat()
    form.check(KeyIn, meant)
    return form


def _form(request: Request, form: Form[KeyIn], *, status: int = 200) -> Response:
    context = {
        "form": form,
        "roles": ROLES,
        "scopes": SCOPES,
        "lives": LIVES,
        "options": options,
        "may_choose_tenant": principal_of(request).scope.tenant == DEFAULT_TENANT,
        # For all services, and bound to one, whichever.
        "scopes_of_roles": {
            role: [sorted(scopes_of(role, service)) for service in (None, "one")] for role in ROLES
        },
    }
    return render(request, "keys/new.html", context, status=status)


def _made(request: Request, row: DictRow, key: str, status: int) -> Response:
    origin = site_of(request).settings.public_url or str(request.base_url)
    context = {"row": row, "key": key, "trial": _trial(row, key, origin.rstrip("/"))}
    return render(request, "keys/made.html", context, status=status, headers=_NO_STORE)


def _trial(row: DictRow, key: str, origin: str) -> str:
    """A command that tries the key; empty where it may do nothing that could be tried."""
    may = key_out(row)["scopes"]
    path, body = next((trial for scope, trial in _TRIALS.items() if scope in may), ("", ""))
    if not path:
        return ""
    parts = [f"curl {shlex.quote(origin + path)}", f"-H 'X-API-Key: {key}'"]
    if body:
        parts += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(parts)


_ONE = _LIST + "/{id:int}"

PAGES = [
    Page("GET", _LIST, list_keys, scope="keys:admin"),
    Page("POST", _LIST, create_key, scope="keys:admin", idempotent=_LIST),
    Page("GET", f"{_LIST}/new", new_key, scope="keys:admin"),
    Page("GET", f"{_ONE}/rotate", confirm_rotation, scope="keys:admin"),
    Page("POST", f"{_ONE}/rotate", rotate_key, scope="keys:admin", idempotent=_LIST),
    Page("GET", f"{_ONE}/revoke", confirm_revocation, scope="keys:admin"),
    Page("POST", f"{_ONE}/revoke", revoke_key, scope="keys:admin"),
]
