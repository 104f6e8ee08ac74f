"""Bodies and answers of the endpoints of logging in."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Secret

from service.access.passwords import MAX_LENGTH
from service.access.tokens import ACCESS_LIFE
from service.users.models import Email, NewPassword

GivenPassword = Secret[Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]]
GivenToken = Annotated[str, Field(min_length=1, max_length=200)]


class Login(BaseModel):
    """Email and password of a user who logs in."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: GivenPassword


class RefreshToken(BaseModel):
    """The newest refresh token of a log-in."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: GivenToken


class PasswordChange(BaseModel):
    """The current password and the one to come."""

    model_config = ConfigDict(extra="forbid")

    current_password: GivenPassword
    new_password: NewPassword


class AccessTokenAnswer(BaseModel):
    """An access token; `expires_in` is in seconds."""

    success: bool = True
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no password
    expires_in: int = int(ACCESS_LIFE.total_seconds())


class TokenAnswer(AccessTokenAnswer):
    """An access token, and the refresh token for the next pair, which can be used once."""

    refresh_token: str


class Done(BaseModel):
    """There is nothing more to say."""

    success: bool = True
