"""Pages from templates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from service.language.translations import LANGUAGES, N_, translations
from service.runtime.resources import resources_of
from service.web.assets import Assets
from service.web.navigation import navigation_of, sections_of
from service.web.session import session_of
from service.web.site import site_of
from service.web.sparkline import polylines, strip_paths

_ROLES = {
    "admin": N_("Admin"),
    "operator": N_("Operator"),
    "writer": N_("Writer"),
    "reader": N_("Reader"),
}
WEB = Path(__file__).parent
# A feature's own templates go by its name: ``keys/list.html``.
_LOADER = ChoiceLoader(
    [
        PrefixLoader(
            {
                folder.parent.name: FileSystemLoader(folder)
                for folder in sorted(WEB.parent.glob("*/templates"))
                if folder.parent != WEB
            }
        ),
        FileSystemLoader(WEB / "templates"),
    ]
)


def environments(assets: Assets) -> dict[str, Environment]:
    """The templates by language."""
    return {language: _environment(language, assets) for language in LANGUAGES}


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A template as the answer. Beside `context` it knows `reader` (formats), `principal`
    (None before signing in), `person` (what they are called), `path`, `now` and `csrf`, a
    token for forms.
    """
    return HTMLResponse(render_text(request, template, context), status, headers)


def render_text(request: Request, template: str, context: Mapping[str, Any] | None = None) -> str:
    """The same as text, for parts of a page that are sent otherwise."""
    session, site = session_of(request), site_of(request)
    known = {
        "reader": session.reader,
        "session": session,
        "principal": session.principal,
        "person": _called(request),
        "navigation": list(navigation_of(session.principal)),
        "administration": sections_of(session.principal),
        "csrf": site.csrf.issue(session.binding),
        "path": request.url.path,
        "address": _address(request),
        "now": datetime.now(UTC),
    }
    page = site.environments[session.reader.language].get_template(template)
    return page.render(known | dict(context or {}))


def _called(request: Request) -> str:
    principal = session_of(request).principal
    versions = resources_of(request).sessions.versions
    return versions.name_of(principal.user_id) if principal else ""


def redirect(request: Request, path: str, *, flash: str | None = None) -> Response:
    """Go on to another page of this site, which then shows `flash`, such as ``Rule saved``."""
    if flash:
        session_of(request).cookies.flash(flash)
    if "hx-request" in request.headers:
        return Response(headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def _environment(language: str, assets: Assets) -> Environment:
    environment = Environment(
        loader=_LOADER,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        translations(language), newstyle=True
    )
    environment.policies |= {"json.dumps_function": _json, "json.dumps_kwargs": {}}
    environment.globals |= {
        "asset": assets.url,
        "icon": partial(_icon, assets),
        "languages": LANGUAGES,
        "polylines": polylines,
        "strip_paths": strip_paths,
        "role_names": _ROLES,
    }
    return environment


def _json(value: Any) -> str:
    """For ``tojson``, which makes it safe within HTML."""
    return msgspec.json.encode(value).decode()


def _icon(assets: Assets, name: str) -> Markup:
    """A symbol of static/icons.svg, beside words that say the same."""
    address = assets.url("icons.svg")
    svg = '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>'
    return Markup(svg).format(address, name)  # noqa: S704 - a literal; format() escapes


def _address(request: Request) -> str:
    """Path and query of what is looked at, to come back to."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
