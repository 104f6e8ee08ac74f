"""Bodies and answers of the endpoints of tenants."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.access.tenants import NAME_PATTERN
from service.http.envelopes import Item, Listing
from service.http.instants import instants

TenantName = Annotated[str, Field(pattern=NAME_PATTERN)]
Description = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


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


class TenantAnswer(Item[TenantOut]):
    """One tenant."""


class TenantList(Listing[TenantOut]):
    """Tenants, newest first."""


def tenant_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A tenant's row as it is answered."""
    return dict(row) | instants(row, "created_at")
