"""Bodies and answers of the endpoints of users."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Secret, StrictBool

from alerts.fields import Text
from alerts.recipients import kind_of
from service.access.caller import Role
from service.access.passwords import MAX_LENGTH, MIN_LENGTH
from service.access.users import UserSpec
from service.http.envelopes import Item, Listing
from service.http.responses import utc_instant
from sql.messages import Message


def _email(value: str) -> str:
    if kind_of(value) != "email address":
        raise ValueError(Message("This is no email address"))
    return value


Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
NewPassword = Secret[Annotated[str, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH)]]


class UserIn(BaseModel):
    """A new user; without `password` one is generated and answered this once."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name = ""
    role: Role
    service_name: Text | None = None
    password: NewPassword | None = None

    def spec(self) -> UserSpec:
        """The user to be made."""
        fields = self.model_dump(exclude={"password"})
        return UserSpec(**fields, password=_revealed(self.password))


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

    def new_password(self) -> str | None:
        """The password to set, if any."""
        return _revealed(self.password)


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


class UserAnswer(Item[UserOut]):
    """One user."""


class NewUserAnswer(Item[NewUserOut]):
    """One new user."""


class UserList(Listing[UserOut]):
    """Users, newest first."""


def user_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A user's row as it is answered."""
    plain = {name: row["user_id" if name == "id" else name] for name in UserOut.model_fields}
    times = ("created_at", "password_changed_at")
    return plain | {name: utc_instant(row[name]) for name in times}


def _revealed(password: Secret[str] | None) -> str | None:
    return password.get_secret_value() if password else None
