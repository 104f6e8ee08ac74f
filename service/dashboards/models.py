"""Bodies and answers of the endpoints of dashboards."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from alerts.fields import Text
from service.http.envelopes import Item, Listing
from service.http.instants import instants
from service.panels.config import DashboardConfig

Description = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


class DashboardIn(BaseModel):
    """A dashboard to be kept."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(description="Unique in the tenant")
    description: Description = ""
    config: DashboardConfig


class DashboardPatch(BaseModel):
    """Changes to a dashboard; what is absent stays, and `config` is replaced whole."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    description: Description | None = None
    config: DashboardConfig | None = None


class DashboardOut(DashboardIn):
    """A dashboard."""

    id: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class DashboardAnswer(Item[DashboardOut]):
    """One dashboard."""


class DashboardList(Listing[DashboardOut]):
    """Every dashboard, newest first."""


def dashboard_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """A dashboard's row as it is answered."""
    plain = {name: row[name] for name in DashboardOut.model_fields if name != "id"}
    return {"id": row["dashboard_id"]} | plain | instants(row, "created_at", "updated_at")
