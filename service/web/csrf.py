"""Against forms of other sites: a token in every form, and where the browser says it is from."""

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import Request

from service.access.credentials import derived_key

FIELD = "csrf"
HEADER = "X-CSRF-Token"


class CsrfTokens:
    """Tokens bound to a log-in, or to a browser before that. Each looks different, so that
    compression reveals nothing of them.
    """

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, "csrf token")

    def issue(self, binding: str) -> str:
        """A token for whoever `binding` names."""
        salt = secrets.token_hex(8)
        return f"{salt}.{self._digest(salt, binding)}"

    def holds(self, token: str, binding: str) -> bool:
        """Whether that token was issued for `binding`."""
        salt, _, digest = token.partition(".")
        return hmac.compare_digest(digest.encode(), self._digest(salt, binding).encode())

    def seal(self, text: str) -> str:
        """A digest of `text` from which it cannot be guessed without the secret."""
        return hmac.digest(self._key, f"seal:{text}".encode(), "sha256").hex()

    def _digest(self, salt: str, binding: str) -> str:
        return hmac.digest(self._key, f"{salt}:{binding}".encode(), "sha256").hex()


def comes_from_here(request: Request, public_url: str | None) -> bool:
    """Whether the browser says that a page of this site sent the request, or says nothing.

    ``Sec-Fetch-Site`` cannot be forged by a page; browsers without it send ``Origin``.
    """
    site = request.headers.get("sec-fetch-site")
    if site:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    ours = {request.headers.get("host"), urlsplit(public_url or "").netloc}
    return urlsplit(origin).netloc in ours - {None, ""}
