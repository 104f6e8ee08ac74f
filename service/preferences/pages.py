"""Preferences of a reader: the language, light or dark."""

from typing import Literal

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from service.access.users import choose_language
from service.language.translations import LANGUAGES
from service.runtime.resources import resources_of
from service.web.cookies import LANGUAGE, THEME
from service.web.forms import read_form
from service.web.page import Page, safe_next
from service.web.rendering import redirect
from service.web.session import session_of
from sql.errors import Invalid, Problem
from sql.messages import Message


class Preferences(BaseModel):
    """One choice at a time; ``auto`` is as the system has it."""

    model_config = ConfigDict(extra="forbid")

    language: str | None = None
    theme: Literal["auto", "light", "dark"] | None = None
    next: str = "/"


async def choose(request: Request) -> Response:
    """Keep the choice in a cookie; a user is notified in the language that they chose."""
    form = await read_form(request, Preferences)
    if not form.is_valid or form.data.language not in (None, *LANGUAGES):
        raise Invalid(Problem(Message("There is no such choice")))
    cookies = session_of(request).cookies
    if form.data.language:
        cookies.choose(LANGUAGE, form.data.language)
        if principal := session_of(request).principal:
            pool = resources_of(request).pool
            await choose_language(pool, principal.user_id, form.data.language)
    if form.data.theme:
        cookies.choose(THEME, "" if form.data.theme == "auto" else form.data.theme)
    return redirect(request, safe_next(form.data.next))


PAGES = [Page("POST", "/preferences", choose, open=True)]
