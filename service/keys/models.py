"""What the endpoints of keys, tenants and the audit log take and answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerts.fields import Text
from service.access.caller import AccessScope, Role, scopes_of
from service.http.instants import Instant, instants
from service.http.parameters import DateRange

TenantName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Description = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
MAX_ENTRIES = 1000


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

    @model_validator(mode="after")
    def _consistent(self) -> "KeyIn":
        if self.service_name and self.role not in ("writer", "reader"):
            raise ValueError(f"A key of role {self.role} cannot be bound to one service")
        beyond = set(self.scopes or ()) - scopes_of(self.role, self.service_name)
        if beyond:
            raise ValueError(f"The role {self.role} has no scope {', '.join(sorted(beyond))}")
        if self.expires_at and self.expires_at <= datetime.now(UTC):
            raise ValueError("expires_at is not in the future")
        return self


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


class KeyAnswer(BaseModel):
    """One key."""

    success: bool = True
    data: KeyOut


class NewKeyAnswer(BaseModel):
    """One key that was just issued."""

    success: bool = True
    data: NewKeyOut


class KeyList(BaseModel):
    """Keys, newest first."""

    success: bool = True
    data: list[KeyOut]
    count: int
    next_cursor: str | None = None


class TenantIn(BaseModel):
    """A tenant to be made."""

    model_config = ConfigDict(extra="forbid")

    tenant: TenantName
    description: Description = ""


class TenantPatch(BaseModel):
    """Changes to a tenant; what is absent stays."""

    model_config = ConfigDict(extra="forbid")

    description: Description | None = None
    is_active: (
        Annotated[bool, Field(strict=True, description="The keys of one that is not are refused")]
        | None
    ) = None


class TenantOut(BaseModel):
    """A tenant."""

    tenant: str
    description: str
    is_active: bool
    created_at: datetime


class TenantAnswer(BaseModel):
    """One tenant."""

    success: bool = True
    data: TenantOut


class TenantList(BaseModel):
    """Tenants, newest first."""

    success: bool = True
    data: list[TenantOut]
    count: int
    next_cursor: str | None = None


class AuditParams(DateRange):
    """``GET /api/audit``; every filter must match exactly."""

    actor: Text | None = None
    action: Text | None = None
    target: Text | None = None
    limit: int = Field(100, ge=1, le=MAX_ENTRIES)
    cursor: str | None = Field(None, description="next_cursor of the page before")


class AuditOut(BaseModel):
    """One change: who made it, when and from where."""

    id: int
    at: datetime
    tenant: str
    actor: str
    action: str
    target: str
    address: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None


class AuditPage(BaseModel):
    """A page of changes, newest first."""

    success: bool = True
    data: list[AuditOut]
    count: int
    next_cursor: str | None


def key_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A key's row as it is answered."""
    plain = {name: row[name] for name in KeyOut.model_fields if name != "id"}
    scopes = row["scopes"] or scopes_of(row["role"], row["service_name"])
    times = ("created_at", "rotated_at", "expires_at", "revoked_at", "last_used_at")
    return {"id": row["key_id"]} | plain | {"scopes": sorted(scopes)} | instants(row, *times)


def tenant_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A tenant's row as it is answered."""
    return dict(row) | instants(row, "created_at")


def audit_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's row as it is answered."""
    plain = {name: row[name] for name in AuditOut.model_fields if name != "id"}
    return {"id": row["audit_id"]} | plain | instants(row, "at")
