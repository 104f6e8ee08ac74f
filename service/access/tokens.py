"""Access tokens (JWT, HS256) and refresh tokens (random, kept as a digest)."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec

from service.access.caller import Principal, Role
from service.access.credentials import derived_key
from sql.scope import Scope

ISSUER = "fature-metrics"
AUDIENCE = "fature-metrics-api"
ALGORITHM = "HS256"
ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=14)
# How far the clocks of replicas may differ.
LEEWAY = timedelta(seconds=5)

_REQUIRED = ["exp", "nbf", "iat", "aud", "iss", "sub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPrincipal(Principal):
    """A user who logged in; `family` is the log-in's refresh tokens."""

    user_id: int
    family: str


class Claims(msgspec.Struct, frozen=True):
    """Claims of an access token beside those that PyJWT checks. `iat` is in Unix seconds,
    `ver` the user's version when it was issued, `sid` the family of the log-in.
    """

    sub: str
    iat: int
    ver: int
    sid: str
    tenant: str
    role: Role
    service: str | None = None

    def __post_init__(self) -> None:
        int(self.sub)

    @property
    def user_id(self) -> int:
        """The user's id."""
        return int(self.sub)

    def principal(self) -> UserPrincipal:
        """The caller who presents the token."""
        return UserPrincipal(
            id=f"user:{self.sub}",
            role=self.role,
            scope=Scope(self.tenant, self.service),
            user_id=self.user_id,
            family=self.sid,
        )


class Tokens:
    """Issues and reads tokens with keys derived from the service's secret."""

    def __init__(self, secret: str) -> None:
        self._access_key = derived_key(secret, "access token")
        self._refresh_key = derived_key(secret, "refresh token")

    def issue_access(self, user: Mapping[str, Any], family: str, now: datetime) -> str:
        """An access token for a row of fature.api_user."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user["user_id"]),
            "iat": now,
            "nbf": now,
            "exp": now + ACCESS_LIFE,
            "ver": user["version"],
            "sid": family,
            "tenant": user["tenant"],
            "role": user["role"],
            "service": user["service_name"],
        }
        return jwt.encode(claims, self._access_key, ALGORITHM)

    def read_access(self, token: str) -> Claims | None:
        """The claims of a token; None unless it is one of ours, meant for us and in time."""
        try:
            claims = jwt.decode(
                token,
                self._access_key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": _REQUIRED},
            )
            return msgspec.convert(claims, Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError):
            return None

    def digest(self, refresh_token: str) -> bytes:
        """The digest of a refresh token that is stored."""
        return hmac.digest(self._refresh_key, refresh_token.encode(), "sha256")


def new_refresh_token() -> str:
    """A random token of 256 bits."""
    return secrets.token_urlsafe(32)
