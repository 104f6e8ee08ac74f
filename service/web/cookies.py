"""Cookies: the log-in, and what a reader chose."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from service.access.sessions import TokenPair
from service.access.tokens import ACCESS_LIFE, REFRESH_LIFE

ACCESS = "fature_access"
REFRESH = "fature_refresh"
# Tells browsers apart before anybody is signed in, for the tokens of forms.
BROWSER = "fature_browser"
FLASH = "fature_flash"
LANGUAGE = "fature_language"
THEME = "fature_theme"
_CHOICES_LAST = timedelta(days=365)
_FLASH_LASTS = timedelta(minutes=1)
_LONGEST_FLASH = 500


class Cookies:
    """The cookies a request came with, and those its response is to set. No script reads
    them; other sites' requests bring them only when a user follows a link. Behind TLS they
    are for TLS alone, and no neighbouring host can set them (``__Host-``).
    """

    def __init__(self, request: Request, *, secure: bool) -> None:
        self._given = request.cookies
        self._secure = secure
        self._to_set = Response()
        self._current: dict[str, str] = {}

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The ``Set-Cookie`` headers of the response."""
        return [header for header in self._to_set.raw_headers if header[0] == b"set-cookie"]

    def get(self, name: str) -> str | None:
        """A cookie of the request."""
        return self._given.get(self._full(name))

    def current(self, name: str) -> str | None:
        """A cookie as the browser has it once it has the response."""
        return self._current.get(name) or self.get(name)

    def set(self, name: str, value: str, life: timedelta) -> None:
        """Have the browser keep one for that long."""
        self._current[name] = value
        self._to_set.set_cookie(
            self._full(name),
            value,
            max_age=int(life.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self, *names: str) -> None:
        """Have the browser drop those it sent."""
        for name in names:
            if self.get(name) is not None:
                self.set(name, "", timedelta())

    def sign_in(self, pair: TokenPair) -> None:
        """Keep a log-in."""
        self.set(ACCESS, pair.access_token, ACCESS_LIFE)
        self.set(REFRESH, pair.refresh_token, REFRESH_LIFE)

    def sign_out(self) -> None:
        """Drop the log-in."""
        self.forget(ACCESS, REFRESH)

    def choose(self, name: str, value: str) -> None:
        """Keep a choice for a year; an empty one is forgotten."""
        if value:
            self.set(name, value, _CHOICES_LAST)
        else:
            self.forget(name)

    def flash(self, text: str) -> None:
        """A sentence for the page shown next. Cookies are ASCII."""
        self.set(FLASH, text[:_LONGEST_FLASH].encode().hex(), _FLASH_LASTS)

    def flashed(self) -> str | None:
        """The sentence that was left for this page, which is then gone."""
        given = self.get(FLASH)
        if not given:
            return None
        self.forget(FLASH)
        try:
            return bytes.fromhex(given).decode()
        except ValueError:
            return None

    def _full(self, name: str) -> str:
        return f"__Host-{name}" if self._secure else name
