"""Assets, templates and tokens that all pages share; made once at start-up."""

from dataclasses import dataclass

from jinja2 import Environment
from starlette.requests import Request

from service.runtime.settings import Settings
from service.web.assets import Assets
from service.web.csrf import CsrfTokens


@dataclass(frozen=True, slots=True)
class Site:
    """`environments` are the templates by language, `documentation` the API's as HTML."""

    settings: Settings
    assets: Assets
    environments: dict[str, Environment]
    csrf: CsrfTokens
    documentation: str


def site_of(request: Request) -> Site:
    """The site of the app that answers this request."""
    site: Site = request.scope["site"]
    return site
