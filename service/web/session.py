"""Sessions around every page: the reader's log-in, language and theme."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from service.access.sessions import Sessions
from service.access.tokens import UserPrincipal
from service.language.negotiation import negotiated
from service.language.reader import Reader
from service.runtime.resources import resources_of
from service.web.cookies import ACCESS, BROWSER, LANGUAGE, REFRESH, THEME, Cookies
from service.web.site import Site
from sql.errors import DatabaseError, Unauthenticated

# Tabs that come back to life together present the same refresh token: within this time of its
# use it is one of them rather than a thief. It also covers a response that got lost.
REUSE_LEEWAY = timedelta(seconds=20)
_BROWSER_LIFE = timedelta(days=365)
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
        b"frame-ancestors 'none'; base-uri 'none'",
    ),
    # Forms must say where they come from.
    (b"referrer-policy", b"same-origin"),
]


@dataclass(slots=True)
class Session:
    """`principal` is None before signing in; `theme` is ``light``, ``dark`` or, as the system
    has it, empty. `away` where no user could be recognised because the database is away.
    """

    cookies: Cookies
    reader: Reader
    theme: str
    principal: UserPrincipal | None = None
    away: bool = False

    @property
    def binding(self) -> str:
        """The binding of the tokens of forms: to the log-in, else to the browser."""
        if self.principal:
            return f"log-in {self.principal.family}"
        browser = self.cookies.get(BROWSER) or secrets.token_urlsafe(16)
        self.cookies.set(BROWSER, browser, _BROWSER_LIFE)
        return f"browser {browser}"


class SessionMiddleware:
    """Puts the `Session` of each request into ``scope["session"]``, its principal where the API
    has it, and the cookies to set and the pages' security headers into its response.

    Outside everything else, so that a renewed log-in reaches the browser whatever happens.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self.site = site

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/static/"):
            await self.app(scope, receive, send)
            return
        session = await self._session(Request(scope))
        scope["site"], scope["session"] = self.site, session
        if session.principal:
            scope["principal"] = session.principal

        async def send_with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                ours = [header for header in _HEADERS if header[0] not in given]
                message["headers"] = [*message["headers"], *ours, *session.cookies.headers]
            await send(message)

        await self.app(scope, receive, send_with_cookies)

    async def _session(self, request: Request) -> Session:
        settings = self.site.settings
        secure = request.url.scheme == "https" or settings.links.startswith("https:")
        cookies = Cookies(request, secure=secure)
        accept = request.headers.get("accept-language", "")
        language, locale = negotiated(cookies.get(LANGUAGE), accept)
        reader = Reader(language, locale, settings.zone)
        session = Session(cookies, reader, cookies.get(THEME) or "")
        try:
            session.principal = await _signed_in(resources_of(request).sessions, cookies)
            if session.principal:
                names = resources_of(request).label_names.of(session.principal.scope.tenant)
                session.reader = replace(reader, names=names)
        except DatabaseError:
            session.away = True
        return session


def session_of(request: Request) -> Session:
    """The session that a request is part of."""
    session: Session = request.scope["session"]
    return session


def reader_of(request: Request) -> Reader:
    """Whoever reads the answer."""
    return session_of(request).reader


async def _signed_in(sessions: Sessions, cookies: Cookies) -> UserPrincipal | None:
    """The signed-in user, if any; a log-in whose access token has run out is renewed."""
    if (token := cookies.get(ACCESS)) and (principal := sessions.principal(token)):
        return principal
    if not (refresh_token := cookies.get(REFRESH)):
        return None
    try:
        pair = await sessions.refresh(refresh_token, reuse_leeway=REUSE_LEEWAY)
    except Unauthenticated:
        cookies.sign_out()
        return None
    cookies.sign_in(pair)
    return sessions.principal(pair.access_token)
