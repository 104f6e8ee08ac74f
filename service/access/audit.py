"""The audit log as it is read; `Caller.record` writes it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import DictRow

from sql.database import Pool, fetch_all


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """The entries that are wanted; None is any. `since` is inclusive, `before` is not."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    before: datetime | None = None


class AuditPage(NamedTuple):
    """Entries, newest first, and the id to go on behind; None on the last page."""

    rows: list[DictRow]
    next_position: int | None


async def list_entries(
    pool: Pool, tenant: str, filters: AuditFilters, *, position: int | None, limit: int
) -> AuditPage:
    """Up to `limit` entries of a tenant that pass the filters, older than `position`."""
    params = asdict(filters) | {
        "tenant": tenant,
        "since": filters.since or "-infinity",
        "before": filters.before or "infinity",
        "position": 2**63 - 1 if position is None else position,
        "limit": limit + 1,
    }
    rows = await fetch_all(pool, "list_audit", params)
    page = rows[:limit]
    return AuditPage(page, page[-1]["audit_id"] if len(rows) > limit else None)
