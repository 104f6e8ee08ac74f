"""Bodies and answers of the endpoints of API keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from alerts.fields import Text
from service.access.caller import AccessScope, Role, scopes_of
from service.access.keys import KeySpec
from service.http.envelopes import Item, Listing
from service.http.instants import Instant, instants
from service.tenants.models import TenantName


class KeyIn(BaseModel):
    """A key to be issued."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    role: Role
    service_name: Text | None = Field(
        None, description="Writes and reads only that service's metrics; for writers and readers"
    )
    scopes: Annotated[list[AccessScope], Field(min_length=1)] | None = Field(
        None, description="Fewer than those of the role"
    )
    expires_at: Instant | None = None
    tenant: TenantName | None = Field(None, description="For admins of the tenant default")

    def spec(self) -> KeySpec:
        """The key to be issued."""
        return KeySpec(**self.model_dump())


class KeyOut(BaseModel):
    """A key without the key itself."""

    id: int
    name: str
    role: Role
    service_name: str | None
    scopes: list[AccessScope] = Field(description="What it may do")
    tenant: str
    prefix: str = Field(description="How the key begins")
    created_at: datetime
    created_by: str
    rotated_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")


class NewKeyOut(KeyOut):
    """A key and, this once, the key itself."""

    key: str


class KeyAnswer(Item[KeyOut]):
    """One key."""


class NewKeyAnswer(Item[NewKeyOut]):
    """One key that was just issued."""


class KeyList(Listing[KeyOut]):
    """Keys, newest first."""


def key_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A key's row as it is answered."""
    plain = {name: row[name] for name in KeyOut.model_fields if name != "id"}
    scopes = row["scopes"] or scopes_of(row["role"], row["service_name"])
    times = ("created_at", "rotated_at", "expires_at", "revoked_at", "last_used_at")
    return {"id": row["key_id"]} | plain | {"scopes": sorted(scopes)} | instants(row, *times)
