"""Authentication: everything but liveness and readiness needs a key."""

import hashlib
import hmac

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from service.errors import error_response
from service.resources import Resources
from service.scope import Principal, Scope

OPEN_PATHS = frozenset(
    {
        "/api/health",
        "/api/ready",
        # These come with a password or a refresh token instead.
        "/api/auth/login",
        "/api/auth/refresh",
        "/api/auth/logout",
    }
)


class KeyRing:
    """The keys that are known; so far the first admin key."""

    def __init__(self, admin_key: str) -> None:
        self._admin_digest = _digest(admin_key)
        self._admin = Principal("admin-key", "admin", Scope())

    def principal(self, key: str) -> Principal | None:
        """Who that key belongs to. Takes the same time for every wrong key."""
        return self._admin if hmac.compare_digest(_digest(key), self._admin_digest) else None


class Authentication:
    """Lets a request through with its principal in ``scope["principal"]``, or answers 401."""

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            key = _presented_key(Headers(scope=scope))
            principal = self.keys.principal(key) if key else None
            if key and principal is None:
                principal = _user(scope, key)
            if principal is None:
                await _refusal(scope, wrong=bool(key))(scope, receive, send)
                return
            scope["principal"] = principal
        await self.app(scope, receive, send)


def principal_of(request: Request) -> Principal:
    """The caller of an authenticated request."""
    principal: Principal = request.scope["principal"]
    return principal


def _user(scope: AsgiScope, token: str) -> Principal | None:
    """The user whose access token that is, if it is one."""
    resources: Resources = scope["state"]["resources"]
    return resources.sessions.principal(token)


def _presented_key(headers: Headers) -> str | None:
    if key := headers.get("x-api-key"):
        return key.strip()
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def _refusal(scope: AsgiScope, *, wrong: bool) -> ASGIApp:
    message = (
        "The API key or access token is not known or has expired"
        if wrong
        else "An API key is needed: send X-API-Key: KEY or Authorization: Bearer KEY-or-token"
    )
    headers = {"WWW-Authenticate": "Bearer"}
    return error_response(Request(scope), 401, message, headers=headers)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
