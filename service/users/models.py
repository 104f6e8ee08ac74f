"""What logging in and the users' endpoints take and answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Secret, StrictBool

from alerts.fields import Text
from alerts.recipients import kind_of
from service.access.caller import Role
from service.access.passwords import MAX_LENGTH, MIN_LENGTH
from service.access.tokens import ACCESS_LIFE
from service.http.responses import utc_instant


def _email(value: str) -> str:
    if kind_of(value) != "email address":
        raise ValueError("This is no email address")
    return value


Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
NewPassword = Secret[Annotated[str, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH)]]
GivenPassword = Secret[Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]]
GivenToken = Annotated[str, Field(min_length=1, max_length=200)]


class Login(BaseModel):
    """Who wants in."""

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

    success: Literal[True] = True
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no password
    expires_in: int = int(ACCESS_LIFE.total_seconds())


class TokenAnswer(AccessTokenAnswer):
    """An access token, and the refresh token for the next pair, which can be used once."""

    refresh_token: str


class Done(BaseModel):
    """There is nothing more to say."""

    success: Literal[True] = True


class UserIn(BaseModel):
    """A new user; without `password` one is generated and answered this once."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""
    role: Role
    service_name: Text | None = None
    password: NewPassword | None = None


class UserPatch(BaseModel):
    """Changes to a user. What is absent or null stays, but a `service_name` of null unbinds."""

    model_config = ConfigDict(extra="forbid")

    email: Email | None = None
    name: Name | None = None
    role: Role | None = None
    service_name: Text | None = None
    active: StrictBool | None = None
    password: NewPassword | None = None

    def changes(self) -> dict[str, Any]:
        """The columns to set; not the password, which is no column."""
        given = self.model_dump(exclude_unset=True, exclude={"password"})
        return {k: v for k, v in given.items() if v is not None or k == "service_name"}


class UserOut(BaseModel):
    """A user."""

    id: int
    tenant: str
    email: str
    name: str
    role: Role
    service_name: str | None
    active: bool
    created_at: datetime
    password_changed_at: datetime


class NewUserOut(UserOut):
    """A new user, with the password if it was generated."""

    password: str | None = None


class UserAnswer(BaseModel):
    """One user."""

    success: Literal[True] = True
    data: UserOut


class NewUserAnswer(BaseModel):
    """One new user."""

    success: Literal[True] = True
    data: NewUserOut


class UserList(BaseModel):
    """Users, newest first."""

    success: Literal[True] = True
    data: list[UserOut]
    count: int
    next_cursor: str | None = None


def user_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A user's row as it is answered."""
    plain = {name: row["user_id" if name == "id" else name] for name in UserOut.model_fields}
    times = ("created_at", "password_changed_at")
    return plain | {name: utc_instant(row[name]) for name in times}
