"""Parameters and answers of ``GET /api/audit``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from alerts.fields import Text
from service.access import audit
from service.access.audit import AuditFilters
from service.http.envelopes import Listing
from service.http.instants import instants
from service.http.pagination import cursor_of, position_of
from service.http.parameters import DateRange

MAX_ENTRIES = 1000
_LISTING = "audit"


class AuditParams(DateRange):
    """``GET /api/audit``; every filter must match exactly."""

    actor: Text | None = None
    action: Text | None = None
    target: Text | None = None
    limit: int = Field(100, ge=1, le=MAX_ENTRIES)
    cursor: str | None = Field(None, description="next_cursor of the page before")

    def filters(self, zone: ZoneInfo) -> AuditFilters:
        """The filters, with bare dates as days in `zone`.

        Raises:
            DomainError: the range ends before it starts.
        """
        self.check(zone)
        return AuditFilters(
            actor=self.actor,
            action=self.action,
            target=self.target,
            since=self.since(zone),
            before=self.before(zone),
        )

    def position(self) -> int | None:
        """The id that the page before ended with.

        Raises:
            Invalid: the cursor is none.
        """
        cursor = self.cursor
        return None if cursor is None else position_of(_LISTING, cursor).number


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


class AuditPage(Listing[AuditOut]):
    """A page of changes, newest first."""


def cursor_behind(page: audit.AuditPage) -> str | None:
    """The cursor of the next page; None behind the last."""
    if page.next_position is None:
        return None
    return cursor_of(_LISTING, page.rows[-1]["at"], page.next_position)


def audit_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's row as it is answered."""
    plain = {name: row[name] for name in AuditOut.model_fields if name != "id"}
    return {"id": row["audit_id"]} | plain | instants(row, "at")
