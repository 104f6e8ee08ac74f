"""Authentication: everything but what is declared open needs a key or an access token."""

import hashlib
import hmac
from collections.abc import Collection
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from service.access.caller import AccessScope, Caller, Principal
from service.http.errors import refusal
from service.http.foreign import foreign_key
from service.runtime.resources import Resources
from sql.errors import Busy, DatabaseError, Forbidden, Unauthenticated
from sql.messages import Message
from sql.scope import Scope

_NO_KEY = Message("An API key is needed: send X-API-Key: KEY or Authorization: Bearer KEY-or-token")
_UNKNOWN = Message("The API key or access token is not known or has expired")
_UNCHECKED = Message("The database is away, and the API key is not known here yet; try again")


class KeyRing:
    """The first admin key, which needs no database."""

    def __init__(self, admin_key: str) -> None:
        self._admin_digest = _digest(admin_key)
        self._admin = Principal("admin-key", "admin", Scope())

    def principal(self, key: str) -> Principal | None:
        """The principal of a key. Takes the same time for every wrong key."""
        return self._admin if hmac.compare_digest(_digest(key), self._admin_digest) else None


class Authentication:
    """Lets a request through with its principal in ``scope["principal"]``, or answers 401. On
    `foreign_paths` a key may come as clients of other protocols send it.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyRing,
        open_paths: Collection[str],
        foreign_paths: Collection[str] = (),
    ) -> None:
        self.app = app
        self.keys = keys
        self.open_paths = open_paths
        self.foreign_paths = foreign_paths

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self.open_paths:
            key = _presented_key(scope)
            if not key and scope["path"] in self.foreign_paths:
                key = foreign_key(scope)
            try:
                principal = await self._principal(scope, key) if key else None
            except DatabaseError:
                await _unchecked(scope)(scope, receive, send)
                return
            if principal is None:
                await _refusal(scope, wrong=bool(key))(scope, receive, send)
                return
            scope["principal"] = principal
        await self.app(scope, receive, send)

    async def _principal(self, scope: AsgiScope, key: str) -> Principal | None:
        resources: Resources = scope["state"]["resources"]
        return (
            self.keys.principal(key)
            or await resources.key_table.principal(key)
            or resources.sessions.principal(key)
        )


def principal_of(request: Request) -> Principal:
    """The caller of an authenticated request."""
    principal: Principal = request.scope["principal"]
    return principal


def check_scope(request: Request, scope: AccessScope) -> None:
    """Refuse a caller without that scope.

    Raises:
        Forbidden: it lacks it.
    """
    if not principal_of(request).may(scope):
        message = Message("This needs the scope {scope}, which the caller lacks", {"scope": scope})
        raise Forbidden(message)


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request, for the domain functions that change something."""
    return Caller(principal_of(request), datetime.now(UTC), address_of(request))


def address_of(request: Request) -> str | None:
    """The network address of a request's client, if known."""
    return request.client.host if request.client else None


def _presented_key(scope: AsgiScope) -> str | None:
    # Every request comes through here: a mapping of its headers would cost more than this.
    bearer = None
    for name, value in scope["headers"]:
        if name == b"x-api-key" and value:
            return str(value, "latin-1").strip()
        if name == b"authorization" and bearer is None:
            scheme, _, credentials = str(value, "latin-1").partition(" ")
            bearer = credentials.strip() if scheme.lower() == "bearer" else None
    return bearer


def _refusal(scope: AsgiScope, *, wrong: bool) -> ASGIApp:
    return refusal(Request(scope), Unauthenticated(_UNKNOWN if wrong else _NO_KEY))


def _unchecked(scope: AsgiScope) -> ASGIApp:
    return refusal(Request(scope), Busy(_UNCHECKED))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
