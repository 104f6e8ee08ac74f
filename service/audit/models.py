"""Parameters and answers of ``GET /api/audit``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from alerts.fields import Text
from service.access.audit import AuditFilters
from service.http.envelopes import Listing
from service.http.instants import instants
from service.http.parameters import DateRange
from sql.errors import Invalid, Problem
from sql.messages import Message

MAX_ENTRIES = 1000


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
        if cursor is None:
            return None
        if not (cursor.isascii() and cursor.isdecimal()) or not 0 < int(cursor[:20]) < 2**63:
            raise Invalid(Problem(Message("Not a cursor from here"), "cursor"))
        return int(cursor)


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


def audit_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's row as it is answered."""
    plain = {name: row[name] for name in AuditOut.model_fields if name != "id"}
    return {"id": row["audit_id"]} | plain | instants(row, "at")
